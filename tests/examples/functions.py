#!/usr/bin/env python3
"""The remote functions that the examples call; `pip install ./lib/python`, then

    TROUPE_REDIS_URL=redis://127.0.0.1:6379/0 python3 functions.py
"""
import json
import logging
import os

from troupe import Task, TaskError, Worker

logging.basicConfig(level=logging.INFO)
worker = Worker(concurrency=8)
CONFIG_DIR = os.environ.get("CONFIG_DIR", os.path.join(os.path.dirname(os.path.abspath(__file__)), "pipeline"))


@worker.function("delivery_days")
def delivery_days(input):
    """How long a parcel takes; every 10 kg cost a day."""
    return {"delivery": {"days": 2 + int(input["weight_kg"] // 10)}}


@worker.function("notify")
async def notify(input, task: Task):
    """Tells somebody; here, the run's log."""
    task.log(input["text"])
    return {"told": input["to"]}


@worker.function("load_config")
def load_config(input):
    """The configuration of that name, from CONFIG_DIR."""
    name = input["name"]
    if not name.isidentifier():
        raise TaskError("no_config", "%r is no name" % name, retry=False)
    try:
        with open(os.path.join(CONFIG_DIR, name + ".json"), encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        raise TaskError("no_config", "there is no configuration %s" % name, retry=False)


@worker.function("normalise")
def normalise(input):
    """One form for records of both sources: id, name, score from 0 to 100."""
    return [{"id": str(r["id"]), "name": r["name"].strip().title(),
             "score": round(r["score"] * 100 / input["out_of"], 1)} for r in input["records"]]


if __name__ == "__main__":
    worker.run()
