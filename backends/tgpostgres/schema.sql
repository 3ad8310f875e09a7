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
