package tgsqlite

import (
	"errors"
	"fmt"
	"strconv"
)

const (
	// application marks a file as one of this package. It is "tgHk" in ASCII.
	application = 0x7467486b
	// version is the version of the tables.
	version = 2
)

// versions has the statements that turn each version of the tables into the next. A process with
// an older version of this package may have the file open. It continues to work, because the
// tables that it knows do not change.
var versions = [version][]string{storeTables, queueTables}

// Of an update, until is when the lease runs out, and forget is when the row may be removed:
// Unix times in milliseconds. lease and ttl are in milliseconds too. failed counts the
// attempts that Fail has ended or whose lease had run out.
//
// The tables have row ids, and the large column stands last. Without row ids SQLite would read
// a large reply whole whenever it compares its key with another.
var storeTables = []string{
	`CREATE TABLE updates (
		bot INTEGER NOT NULL, id INTEGER NOT NULL,
		state INTEGER NOT NULL, fence TEXT NOT NULL,
		lease INTEGER NOT NULL, until INTEGER NOT NULL,
		failed INTEGER NOT NULL, ttl INTEGER NOT NULL, forget INTEGER NOT NULL,
		note BLOB, reply BLOB,
		PRIMARY KEY (bot, id)) STRICT`,
	`CREATE INDEX updates_forget ON updates (forget)`,
	`CREATE TABLE albums (
		bot INTEGER NOT NULL, lane BLOB NOT NULL,
		version TEXT NOT NULL, forget INTEGER NOT NULL, value BLOB NOT NULL,
		PRIMARY KEY (bot, lane)) STRICT`,
	`CREATE INDEX albums_forget ON albums (forget)`,
	`PRAGMA application_id = ` + strconv.Itoa(application),
}

// The table queue has the updates that are not handled. seq is the order in which they were
// published. A row changes only if an attempt ends without success. heads and leases are tables
// of small rows, so that taking a large update writes little.
//
// A lane with updates either has leases, or its oldest update is in heads. The triggers keep
// this rule. An update without a lane is in one of the two. heads has the oldest first, so Take
// reads only the rows that it takes.
//
// The table keys has the known keys. forget is null as long as the update is in queue or dead.
// ended is the fence of the lease that has ended the update. The trigger queue_key ignores an
// update whose key is known.
//
// published, until, buried and forget are Unix times in milliseconds, and lease is in
// milliseconds.
//
// With OR ROLLBACK, a failed statement ends the whole transaction. So a statement with triggers
// needs no separate journal, which would cost more than all the rest.
var queueTables = []string{
	`CREATE TABLE keys (
		bot INTEGER NOT NULL, id INTEGER NOT NULL,
		forget INTEGER, ended INTEGER NOT NULL DEFAULT 0,
		PRIMARY KEY (bot, id)) STRICT, WITHOUT ROWID`,
	`CREATE INDEX keys_forget ON keys (forget) WHERE forget IS NOT NULL`,
	`CREATE TABLE queue (
		seq INTEGER PRIMARY KEY,
		bot INTEGER NOT NULL, id INTEGER NOT NULL, lane BLOB NOT NULL,
		published INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
		note BLOB, raw BLOB NOT NULL) STRICT`,
	`CREATE INDEX queue_lanes ON queue (bot, lane)`,
	`CREATE TABLE heads (
		bot INTEGER NOT NULL, seq INTEGER NOT NULL,
		PRIMARY KEY (bot, seq)) STRICT, WITHOUT ROWID`,
	`CREATE TABLE leases (
		bot INTEGER NOT NULL, lane BLOB NOT NULL, seq INTEGER NOT NULL,
		fence INTEGER NOT NULL, until INTEGER NOT NULL, lease INTEGER NOT NULL,
		PRIMARY KEY (bot, lane, seq)) STRICT, WITHOUT ROWID`,
	`CREATE TABLE dead (
		bot INTEGER NOT NULL, id INTEGER NOT NULL, lane BLOB NOT NULL,
		fence INTEGER NOT NULL, published INTEGER NOT NULL, buried INTEGER NOT NULL,
		attempts INTEGER NOT NULL, note BLOB, why TEXT NOT NULL, raw BLOB NOT NULL,
		PRIMARY KEY (bot, id)) STRICT`,
	`CREATE TRIGGER queue_key BEFORE INSERT ON queue BEGIN
		SELECT RAISE(IGNORE) FROM keys WHERE bot = NEW.bot AND id = NEW.id;
		INSERT OR ROLLBACK INTO keys (bot, id) VALUES (NEW.bot, NEW.id);
	END`,
	`CREATE TRIGGER queue_head AFTER INSERT ON queue
	WHEN NEW.lane = x'' OR NOT EXISTS (SELECT 1 FROM queue WHERE bot = NEW.bot AND lane = NEW.lane AND seq < NEW.seq) BEGIN
		INSERT OR ROLLBACK INTO heads VALUES (NEW.bot, NEW.seq);
	END`,
	`CREATE TRIGGER queue_end AFTER DELETE ON queue BEGIN
		UPDATE OR ROLLBACK keys SET forget = OLD.published + ` + strconv.Itoa(keyTime) + `,
			ended = (SELECT fence FROM leases WHERE bot = OLD.bot AND lane = OLD.lane AND seq = OLD.seq)
			WHERE bot = OLD.bot AND id = OLD.id;
		DELETE FROM leases WHERE bot = OLD.bot AND lane = OLD.lane AND seq = OLD.seq;
	END`,
	`CREATE TRIGGER leases_lane AFTER DELETE ON leases
	WHEN OLD.lane <> x'' AND NOT EXISTS (SELECT 1 FROM leases WHERE bot = OLD.bot AND lane = OLD.lane) BEGIN
		INSERT OR ROLLBACK INTO heads SELECT bot, seq FROM queue WHERE bot = OLD.bot AND lane = OLD.lane ORDER BY seq LIMIT 1;
	END`,
	`CREATE TRIGGER leases_alone AFTER DELETE ON leases WHEN OLD.lane = x'' BEGIN
		INSERT OR ROLLBACK INTO heads SELECT bot, seq FROM queue WHERE seq = OLD.seq;
	END`,
}

// keyTime is how long a key is known after it was published, in milliseconds. Telegram
// delivers an update for 24 hours.
const keyTime = (24*60 + 5) * 60 * 1000

const readIdentity = `SELECT
	(SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
	(SELECT count(*) FROM sqlite_schema)`

// inspect returns the version of the tables, 0 for a new database. It fails if the file is not
// the Store's.
func (s *session) inspect() (made int, err error) {
	var id, count int64
	_, err = s.row(readIdentity, nil, &id, &made, &count)
	switch {
	case err != nil:
		return 0, err
	case id == 0 && made == 0 && count == 0:
		return 0, nil
	case id != application:
		return 0, errors.New("it is a database of another program: give tgsqlite another file")
	case made > version:
		return 0, fmt.Errorf("a newer version of tgsqlite has made it: its tables have version %d, and this package knows %d; update tgsqlite", made, version)
	}
	return made, nil
}

// makeTables writes the version in any case, to see whether the file may be written.
func (s *session) makeTables() error {
	made, err := s.inspect()
	if err != nil {
		return err
	}
	steps := []string{`PRAGMA user_version = ` + strconv.Itoa(version)}
	for _, statements := range versions[made:] {
		steps = append(steps, statements...)
	}
	for _, text := range steps {
		if _, err := s.exec(text); err != nil {
			return err
		}
	}
	return nil
}
