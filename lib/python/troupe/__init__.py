"""Workers in Python for troupe: plain and async functions that execute the nodes of workflows.

    from troupe import Worker, TaskError

    worker = Worker("redis://127.0.0.1:6379/0")

    @worker.function("score")
    def score(input):
        return {"value": len(input["text"])}

    worker.run()

What the words mean and what is promised is in docs/tasks.md of the project.
"""
from .errors import TaskError
from .task import Task
from .worker import Worker

__all__ = ["Task", "TaskError", "Worker"]
__version__ = "0.1.0"
