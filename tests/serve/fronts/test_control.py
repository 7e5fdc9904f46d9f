import asyncio
import os
import socket

from serve.errors import RepositoryError
from serve.fronts.control import Control, Failed, Linked, Ready


def line():
    ours, theirs = Control.pair()
    return ours, Control(theirs)


def test_documents_and_descriptors_come_as_they_went():
    ours, theirs = line()
    one, two = socket.socketpair()
    ours.say(Linked(3, 7), [one.fileno(), two.fileno()])
    ours.say(Ready(("a", "b")))
    document, descriptors = theirs.hear()
    assert (document, len(descriptors)) == (Linked(3, 7), 2)
    assert not any(os.get_inheritable(descriptor) for descriptor in descriptors)
    one.send(b"hello")
    with socket.socket(fileno=descriptors[1]) as passed, socket.socket(fileno=descriptors[0]):
        assert passed.recv(5) == b"hello"
    assert theirs.hear() == (Ready(("a", "b")), [])
    ours.close()
    assert theirs.hear() is None
    for each in (theirs, one, two):
        each.close()


def test_the_last_words_of_who_did_not_listen_are_heard():
    ours, theirs = line()
    ours.say(Ready())
    theirs.say(Failed(RepositoryError("no such place")))
    theirs.close()
    ((document, _), end) = ours.hear(), ours.hear()
    assert str(document.error) == "no such place" and type(document.error) is RepositoryError
    assert end is None
    ours.say(Ready())  # to nobody
    ours.close()


def test_it_is_followed_on_a_loop():
    async def main():
        ours, theirs = line()
        heard, ended = [], asyncio.Event()
        ours.follow(lambda document, _: heard.append(document), ended.set)
        theirs.say(Ready(("x",)))
        theirs.say(Ready(("y",)))
        theirs.close()
        await asyncio.wait_for(ended.wait(), 5)
        ours.close()
        return heard

    assert asyncio.run(main()) == [Ready(("x",)), Ready(("y",))]
