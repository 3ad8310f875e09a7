package storage

import (
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tghook/tghook/internal/redact"
)

// explain takes the password out of an error.
func (p *postgres) explain(err error) error { return withoutPassword(err, p.password) }

func withoutPassword(err error, password string) error {
	if password == "" {
		return err
	}
	return redact.Error(err, func(text string) string { return strings.ReplaceAll(text, password, "<password>") })
}

const badAddress = "it is no connection string of PostgreSQL. Give a URL, such as postgres://user:password@host/database, or pairs, such as host=db.example user=bot. In a URL, write special characters of the password as %XX, such as %40 for @"

// badConnection says what is wrong with a connection string. The errors of pgx have parts of the
// string, and the password may be among them.
func badConnection(text string, err error) string {
	const end = "`: " // of the string in the error
	reason := err.Error()
	at := strings.LastIndex(reason, end)
	if at < 0 || strings.HasPrefix(reason[at+len(end):], "failed to parse") {
		return badAddress
	}
	reason = reason[at+len(end):]
	if u, err := url.Parse(text); err == nil {
		if password, set := u.User.Password(); set && password != "" {
			reason = strings.ReplaceAll(reason, password, "<password>")
		}
	}
	return reason
}

// isConflict reports whether another transaction was in the way of one.
func isConflict(err error) bool {
	const serializationFailure, deadlockDetected = "40001", "40P01"
	e := (*pgconn.PgError)(nil)
	return errors.As(err, &e) && (e.Code == serializationFailure || e.Code == deadlockDetected)
}

// isAway reports whether the database does not answer, such as while it starts. An answer that takes
// no connection of this user is none of these.
func isAway(err error) bool {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		// too_many_connections, admin_shutdown, crash_shutdown, cannot_connect_now
		return slices.Contains([]string{"53300", "57P01", "57P02", "57P03"}, e.Code)
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
