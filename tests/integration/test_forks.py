"""A Redis that has another entry where the record has its last one went back and on from there: what it
holds is not the record's, though every id fits."""
import uuid

import load

NOOP = {"metadata": {"name": "noop"}, "nodes": [{"id": "a", "type": "noop"}]}


def test_another_entry_under_the_id_of_the_last_committed_one(running_stack):
    stack, redis = running_stack, running_stack.redis_client()
    stack.run(NOOP, 1, status=0)
    partition, epoch, seq = stack.wait_until(lambda: next(iter(stack.sql(
        "select partition, epoch, seq from partition_state where seq > 0")), None))
    ledger, entry = "troupe:{%d}:ledger" % partition, "%d-%d" % (epoch, seq)
    pipe = redis.pipeline(transaction=True)
    pipe.delete(ledger)
    pipe.xadd(ledger, {"t": "1", "b": "1:x0:"}, id=entry)
    pipe.execute()

    def epochs():
        (stored,), = stack.sql("select epoch from partition_state where partition = %s", partition)
        return stored, int(redis.hget("troupe:{%d}:meta" % partition, "epoch"))

    stack.wait_until(lambda: epochs() == (epoch + 1, epoch + 1), 20, "a new epoch")
    # And it goes on, in that very partition: the end of its id chooses it.
    run = str(uuid.uuid4())[:-4] + "%04x" % partition
    assert stack.run("noop", 2, "--id", run, status=0).json["status"] == "completed"
    assert stack.sql("select epoch, seq > 0 from partition_state where partition = %s", partition) == [
        (epoch + 1, True)]
    load.check_redis_is_empty(stack)
    load.check_record(stack)
