package tgpostgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tghook/tghook"
)

// Error codes of PostgreSQL, from appendix A of its documentation.
const (
	uniqueViolation            = "23505"
	serializationFailure       = "40001"
	deadlockDetected           = "40P01"
	readOnlyTransaction        = "25006"
	failedTransaction          = "25P02"
	invalidStatementName       = "26000"
	invalidSchemaName          = "3F000"
	insufficientPrivilege      = "42501"
	undefinedColumn            = "42703"
	undefinedTable             = "42P01"
	duplicatePreparedStatement = "42P05"
	outOfSharedMemory          = "53200"
	lockNotAvailable           = "55P03"
)

// code returns the error code of PostgreSQL, or nothing.
func code(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// isSerialization reports whether the statement has failed because another transaction has
// changed the same rows.
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
