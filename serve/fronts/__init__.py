"""Several processes that take calls on one port, for a device that is faster than one Python process.

    caller -> front (gRPC, checks, decoding, tiles) -> shared memory -> owner (queue, ONNX Runtime) -> front -> caller

    supervisor      `symae serve` itself: starts the others, restarts whichever dies, passes SIGTERM on
    |- owner 0      one a device: loads the models and runs them, as a server of one process does
    |- front 0      takes calls; what it knows of models is `serve.catalogue`, as in a server of one process
    `- front 1 ...

    child, control      how a process is started, told what to do, and ends with its supervisor
    port                holds the port that the fronts listen on
    segment, arena      memory that a front shares with the owners, and who may use which part of it
    board               what all processes know of each queue, without asking
    messages, wire      what fronts and owners say to each other
    link, layout        how it travels; where the arrays lie that it means
    remote ... queue    models as a front sees them: by name, with a queue for each, which leads to its peers
    owner, caller       fronts as an owner sees them
    tallies ... seen    what all have counted, told to whoever asks any of them

Nothing of this has a name in the file system: sockets are pairs and memory is anonymous, both handed over by the
supervisor, so nothing can be left behind or opened by others. It needs Linux.
"""
