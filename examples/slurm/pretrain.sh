#!/bin/bash
# Pre-training on 2 nodes with 4 GPUs each, under SLURM; the job is put into the queue again until all epochs are done.
#
#   sbatch examples/slurm/pretrain.sh /shared/photos /shared/runs/pretrain
#
# Data and run directory must be seen by all nodes. Each task is one GPU's process; srun tells it which it is.
#SBATCH --job-name=symae-pretrain
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# SIGTERM to every task 5 minutes before the time is over: symae saves and ends with exit code 130.
#SBATCH --signal=TERM@300
set -u

DATA=$1
OUT=$2
code=0
# --resume starts the run if there is none; --kill-on-bad-exit ends all tasks as soon as one has failed.
srun --kill-on-bad-exit=1 symae train pretrain --data "$DATA" --out "$OUT" --resume \
    --workers 8 --set batch_size=1024 --set learning_rate=4e-3 --set warmup=2 --set precision=bf16-mixed || code=$?

if [ "$code" -eq 130 ] || [ "$code" -eq 143 ]; then # saved; or ended by srun because another task had
    exec scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
