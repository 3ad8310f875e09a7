-- The tables of tgpostgres. It is harmless to run this again.

-- One row for each update, until forget_after.
CREATE TABLE IF NOT EXISTS tghook_updates (
    bot          bigint      NOT NULL,
    id           bigint      NOT NULL, -- update_id
    lease_until  timestamptz NOT NULL, -- counts while state is held
    forget_after timestamptz NOT NULL, -- a whole hour, so that few changes touch its index
    ttl          interval    NOT NULL,
    failed       integer     NOT NULL, -- attempts that have ended and count
    state        text        NOT NULL CHECK (state IN ('held', 'free', 'done')),
    fence        text        NOT NULL, -- of the last claim that was granted
    note         bytea,                -- of the last failure
    reply        bytea,
    PRIMARY KEY (bot, id)
) WITH (
    -- A row is written again within seconds. Its page keeps room for that.
    fillfactor = 50,
    -- The default of a fifth of the table is hours of updates.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);

CREATE INDEX IF NOT EXISTS tghook_updates_forget_after ON tghook_updates (forget_after);

-- One row for each lane of a bot that has items of albums.
CREATE TABLE IF NOT EXISTS tghook_albums (
    bot          bigint      NOT NULL,
    forget_after timestamptz NOT NULL,
    lane         bytea       NOT NULL,
    version      text        NOT NULL,
    value        bytea       NOT NULL,
    PRIMARY KEY (bot, lane)
);

-- One row for each update in the queue, until it is handled, and for each dead letter.
CREATE TABLE IF NOT EXISTS tghook_queue (
    bot         bigint      NOT NULL,
    id          bigint      NOT NULL, -- update_id
    seq         bigint      GENERATED ALWAYS AS IDENTITY, -- the order of a lane
    lane_key    bigint      NOT NULL, -- a hash of bot and lane; 0 if it has no lane
    published   timestamptz NOT NULL,
    lease_until timestamptz,          -- null if nobody has a lease
    buried      timestamptz,          -- null if it is no dead letter
    fence       bigint      NOT NULL DEFAULT 0, -- of the last lease; 0 if it was given back
    attempts    integer     NOT NULL DEFAULT 0,
    head        boolean     NOT NULL, -- whether no pending update of its lane is before it
    lane        bytea       NOT NULL,
    raw         bytea       NOT NULL,
    note        bytea,                -- of the last failure
    reply       bytea,                -- of a handler that has succeeded
    why         bytea,                -- of a dead letter
    PRIMARY KEY (bot, id)
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);

CREATE INDEX IF NOT EXISTS tghook_queue_heads ON tghook_queue (bot, seq) WHERE head;
CREATE INDEX IF NOT EXISTS tghook_queue_lanes ON tghook_queue (lane_key, seq) WHERE lane_key <> 0 AND buried IS NULL;
CREATE INDEX IF NOT EXISTS tghook_queue_dead ON tghook_queue (bot, id) WHERE buried IS NOT NULL;

-- One row for each update that has left the queue, for one to two days. Each day (UTC) the
-- rows go into the next partition, which was emptied the day before.
CREATE TABLE IF NOT EXISTS tghook_queue_done (
    bot   bigint   NOT NULL,
    id    bigint   NOT NULL,
    fence bigint   NOT NULL, -- of the lease that has ended
    slot  smallint NOT NULL, -- its partition
    PRIMARY KEY (bot, id, slot)
) PARTITION BY LIST (slot);

CREATE TABLE IF NOT EXISTS tghook_queue_done_0 PARTITION OF tghook_queue_done FOR VALUES IN (0);
CREATE TABLE IF NOT EXISTS tghook_queue_done_1 PARTITION OF tghook_queue_done FOR VALUES IN (1);
CREATE TABLE IF NOT EXISTS tghook_queue_done_2 PARTITION OF tghook_queue_done FOR VALUES IN (2);
