-- applied_keys: what each settled token did to its run's counter. A run's deltas sum to 0 at its end.
create view applied_keys as
select
    run_id,
    event,
    token,
    delta,
    at as applied_at
from event_log
where token is not null
    and kind not in ('wait', 'retry', 'task', 'claim', 'progress', 'lapse', 'release'); -- their tokens live on
