package tgsqlite

import (
	"cmp"
	"database/sql"
	"slices"
	"time"
)

// scans has, for each bot, the time of the last search for leases that have run out. Only the
// writer's goroutine uses it.
type scans map[int64]time.Time

// due reports whether that is so long ago that it must be done again. A Take that is called
// often need not do it each time. The signal wakes a Take after each lookPause, which may be a
// little less.
func (s scans) due(bot int64) bool {
	if time.Since(s[bot]) < lookPause/2 {
		return false
	}
	s[bot] = time.Now()
	return true
}

// leastJump is the least jump of the clock that matters. Consume renews a lease of 3 seconds, which
// is the shortest, when 2 are left.
const leastJump = time.Second

// jumps has the last jump of the machine's clock. The clock jumps forward when it is set, and when
// the machine was suspended: the monotonic clock stands still then. Only the writer's goroutine
// uses it.
type jumps struct {
	looked time.Time     // the last look, by the monotonic clock
	wall   time.Time     // the same, by the clock of the machine
	by     time.Duration // how far the clock has jumped; 0 if it never has
	to     int64         // the time after the jump
}

func newJumps(now time.Time) jumps { return jumps{looked: now, wall: now.Round(0)} }

// look notes a jump since the last look.
func (j *jumps) look(now time.Time) {
	wall := now.Round(0) // without the monotonic clock
	if by := wall.Sub(j.wall) - now.Sub(j.looked); by >= leastJump {
		j.by, j.to = by, now.UnixMilli()
	}
	j.looked, j.wall = now, wall
}

// An endedLane is a lane whose leases have all ended. An update without a lane counts as one.
type endedLane struct {
	name   string
	seqs   []int64 // of the updates that are leased, in ascending order
	oldest int64   // the seq of its oldest update
}

const (
	// shortenLeases is for a clock that was set back: no lease runs longer than it was granted for.
	shortenLeases = `UPDATE OR ROLLBACK leases SET until = ?2 + lease WHERE bot = ?1 AND until - lease > ?2`

	// lengthenLeases is for a clock that has jumped forward. It gives each lease that held before the
	// jump the time that it had left. Another process or a later look may lengthen an old lease once
	// more. No lease ends later than one that begins at the jump.
	lengthenLeases = `
UPDATE OR ROLLBACK leases SET until = min(until + ?3, ?2 + lease)
WHERE bot = ?1 AND until > ?4 - ?3 AND until - lease <= ?4 - ?3`

	readEnded  = `SELECT lane, seq FROM leases WHERE bot = ?1 AND until <= ?2 ORDER BY lane, seq`
	isLeased   = `SELECT 1 FROM leases WHERE bot = ?1 AND lane = ?2 AND until > ?3 LIMIT 1`
	firstInQ   = `SELECT seq FROM queue WHERE bot = ?1 AND lane = ?2 ORDER BY seq LIMIT 1`
	firstHeads = `SELECT seq FROM heads WHERE bot = ?1 ORDER BY seq LIMIT ?2`
	cutOff     = `UPDATE OR ROLLBACK queue SET attempts = attempts + 1 WHERE seq = ?1`
	endLease   = `DELETE FROM leases WHERE bot = ?1 AND lane = ?2 AND seq = ?3`
)

// freeEnded ends the leases that are over of those lanes whose turn it is. The others are left,
// because they still hold.
func (t *taking) freeEnded() error {
	if _, err := t.session.exec(shortenLeases, t.bot, t.now); err != nil {
		return err
	}
	if t.jumps.by > 0 {
		if _, err := t.session.exec(lengthenLeases, t.bot, t.now, milliseconds(t.jumps.by), t.jumps.to); err != nil {
			return err
		}
	}
	lanes, err := t.endedLanes()
	if len(lanes) == 0 || err != nil {
		return err
	}
	var ready []int64
	err = t.session.rows(firstHeads, []any{t.bot, t.limit}, func(rows *sql.Rows) error {
		var seq int64
		err := rows.Scan(&seq)
		ready = append(ready, seq)
		return err
	})
	if err != nil {
		return err
	}
	for i, lane := range lanes {
		before, _ := slices.BinarySearch(ready, lane.oldest)
		if i+before >= t.limit {
			break
		}
		if err := t.free(lane); err != nil {
			return err
		}
	}
	return nil
}

// endedLanes returns the lanes whose leases have all ended, from the oldest on.
func (t *taking) endedLanes() ([]*endedLane, error) {
	var all []*endedLane
	err := t.session.rows(readEnded, []any{t.bot, t.now}, func(rows *sql.Rows) error {
		var (
			seq  int64
			name []byte
		)
		err := rows.Scan(&name, &seq)
		if n := len(all); n > 0 && len(name) > 0 && all[n-1].name == string(name) {
			all[n-1].seqs = append(all[n-1].seqs, seq)
		} else {
			all = append(all, &endedLane{name: string(name), seqs: []int64{seq}, oldest: seq})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var lanes []*endedLane
	for _, lane := range all {
		leased, err := t.inspect(lane)
		if err != nil {
			return nil, err
		}
		if !leased {
			lanes = append(lanes, lane)
		}
	}
	slices.SortFunc(lanes, func(a, b *endedLane) int { return cmp.Compare(a.oldest, b.oldest) })
	return lanes, nil
}

// inspect finds the oldest update of a lane, unless a lease of the lane has not run out.
func (t *taking) inspect(lane *endedLane) (leased bool, err error) {
	if lane.name == "" {
		return false, nil
	}
	var n int64
	if leased, err = t.session.row(isLeased, []any{t.bot, []byte(lane.name), t.now}, &n); leased || err != nil {
		return leased, err
	}
	_, err = t.session.row(firstInQ, []any{t.bot, []byte(lane.name)}, &lane.oldest)
	return false, err
}

// free ends the leases of a lane. The attempt of the oldest one that was leased was cut off.
func (t *taking) free(lane *endedLane) error {
	if _, err := t.session.exec(cutOff, lane.seqs[0]); err != nil {
		return err
	}
	for _, seq := range lane.seqs {
		if _, err := t.session.exec(endLease, t.bot, []byte(lane.name), seq); err != nil {
			return err
		}
	}
	return nil
}
