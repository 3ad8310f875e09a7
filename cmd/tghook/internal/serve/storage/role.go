package storage

import (
	"context"
	"fmt"
	"time"
)

// takeRole returns whether the owner $2 has the role now, or no row if another has it. A role that
// ends later than its lease allows shows that the clock was set back: then it ends a lease from
// now.
const takeRole = `
INSERT INTO {roles} AS r (role, owner, until, lease) VALUES ($1, $2, {now} + $3, $3)
ON CONFLICT (role) DO UPDATE SET
	owner = CASE WHEN r.owner = excluded.owner OR r.until <= {now} THEN excluded.owner ELSE r.owner END,
	lease = CASE WHEN r.owner = excluded.owner OR r.until <= {now} THEN excluded.lease ELSE r.lease END,
	until = CASE WHEN r.owner = excluded.owner OR r.until <= {now} THEN excluded.until ELSE {now} + r.lease END
WHERE r.owner = excluded.owner OR r.until <= {now} OR r.until > {now} + r.lease
RETURNING CASE WHEN owner = $2 THEN 1 ELSE 0 END`

// Hold takes a role for this storage's owner, or keeps it, for some time. It reports whether the
// owner has the role. One of several gateways has it: it sets the webhook of a bot, or polls.
// Each open Storage is an owner of its own. Time is the database's, where it has a clock.
func (s *Storage) Hold(ctx context.Context, role string, lease time.Duration) (bool, error) {
	var mine int
	_, err := s.db.row(ctx, takeRole, []any{role, s.owner, milliseconds(lease)}, &mine)
	if err != nil {
		return false, fmt.Errorf("storage: take the role %q: %w", role, err)
	}
	return mine == 1, nil
}

// Yield gives a role back, if the owner has it.
func (s *Storage) Yield(ctx context.Context, role string) error {
	var gone string
	_, err := s.db.row(ctx, `DELETE FROM {roles} WHERE role = $1 AND owner = $2 RETURNING role`, []any{role, s.owner}, &gone)
	if err != nil {
		return fmt.Errorf("storage: give back the role %q: %w", role, err)
	}
	return nil
}

// milliseconds rounds up.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
