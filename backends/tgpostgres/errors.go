package tgpostgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tghook/tghook"
)

// Error codes of PostgreSQL, from appendix A of its documentation.
const (
	serializationFailure       = "40001"
	deadlockDetected           = "40P01"
	readOnlyTransaction        = "25006"
	invalidStatementName       = "26000"
	invalidSchemaName          = "3F000"
	insufficientPrivilege      = "42501"
	undefinedColumn            = "42703"
	undefinedTable             = "42P01"
	duplicatePreparedStatement = "42P05"
)

// code returns the error code of PostgreSQL, or nothing.
func code(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// isSerialization reports whether the statement has changed nothing, because another
// transaction has changed the same rows meanwhile.
func isSerialization(err error) bool {
	c := code(err)
	return c == serializationFailure || c == deadlockDetected
}

// failed returns the error of a method for an update.
func (s *Store) failed(method string, c tghook.Claim, err error) error {
	return fmt.Errorf("tgpostgres: %s of update %d of bot %d: %w", method, c.Key.ID, c.Key.Bot, s.explain(err))
}

// albumsFailed returns the error of a method for the albums of a bot.
func (s *Store) albumsFailed(method string, bot int64, err error) error {
	return fmt.Errorf("tgpostgres: %s of bot %d: %w", method, bot, s.explain(err))
}

// explain puts before an error what to do, if that is known.
func (s *Store) explain(err error) error {
	advice := ""
	switch code(err) {
	case undefinedTable:
		advice = "call Store.Migrate once, or run the SQL that tgpostgres.Migration returns"
	case undefinedColumn:
		advice = "the table is not the one of this version of tgpostgres; compare it with tgpostgres.Migration"
	case invalidSchemaName:
		advice = "create the schema, or set tgpostgres.Config.Schema to one that exists"
	case insufficientPrivilege:
		advice = fmt.Sprintf("the user needs SELECT, INSERT, UPDATE and DELETE on %s and %s, and for Migrate also CREATE on the schema", s.sql.updates, s.sql.albums)
	case readOnlyTransaction:
		advice = "the server is read-only, perhaps a standby; add target_session_attrs=read-write to the URL"
	case invalidStatementName, duplicatePreparedStatement:
		advice = "a pooler gives each transaction another connection; add default_query_exec_mode=exec to the URL"
	default:
		if errors.Is(err, context.DeadlineExceeded) {
			if st := s.pool.Stat(); st.AcquiredConns() == st.MaxConns() {
				advice = fmt.Sprintf("all %d connections of the pool are in use; set pool_max_conns higher", st.MaxConns())
			}
		}
	}
	if advice == "" {
		return err
	}
	return fmt.Errorf("%s: %w", advice, err)
}
