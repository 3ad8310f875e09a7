package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultRows = 100
	mostRows    = 1000
)

// readers is how many calls of Rows run at a time. A search may take long, and the gateway needs the
// other connections.
const readers = 2

// Rows returns rows in ascending order of Seq: the newest ones that the filter takes. Two calls run
// at a time, and others wait.
func (s *Storage) Rows(ctx context.Context, f Filter) ([]Row, error) {
	query, args, err := f.statement()
	if err != nil {
		return nil, fmt.Errorf("storage: read the history: %w", err)
	}
	if err := s.reading.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("storage: read the history: other searches run: %w", err)
	}
	defer s.reading.Release(1)
	found, err := list(ctx, s.db, scanRow, query, args...)
	if err != nil {
		return nil, fmt.Errorf("storage: read the history: %w", err)
	}
	slices.Reverse(found)
	return found, nil
}

func scanRow(rows *sql.Rows) (Row, error) {
	var (
		seq int64
		doc string
	)
	if err := rows.Scan(&seq, &doc); err != nil {
		return Row{}, err
	}
	return decode(seq, doc)
}

// statement returns a statement for the newest rows first.
func (f Filter) statement() (query string, args []any, err error) {
	var where []string
	// add adds a condition. Its %s is the number of the parameter.
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, strings.ReplaceAll(condition, "%s", "$"+strconv.Itoa(len(args))))
	}
	if f.Bot != 0 {
		add("bot = %s", f.Bot)
	}
	if f.Chat != "" {
		chat, err := strconv.ParseInt(f.Chat, 10, 64)
		if err != nil {
			return "", nil, fmt.Errorf("chat %q is not a number", f.Chat)
		}
		add("chat = %s", chat)
	}
	if f.Kind != "" {
		add("(kind = %s OR type = %s OR method = %s)", plain(f.Kind))
	}
	if f.Failed {
		where = append(where, "failed = 1") // as in the index
	}
	if f.Text != "" {
		escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(searchable(f.Text))
		add(`words LIKE %s ESCAPE '\'`, "%"+escaped+"%")
	}
	if f.Update != 0 {
		add("update_id = %s", f.Update)
	}
	if f.Before > 0 {
		add("seq < %s", f.Before)
	}
	query = `SELECT seq, doc FROM {rows}`
	if len(where) > 0 {
		query += ` WHERE ` + strings.Join(where, " AND ")
	}
	limit := f.Limit
	if limit <= 0 {
		limit = defaultRows
	}
	return query + ` ORDER BY seq DESC LIMIT ` + strconv.Itoa(min(limit, mostRows)), args, nil
}

func decode(seq int64, doc string) (Row, error) {
	var row Row
	if err := json.Unmarshal([]byte(doc), &row); err != nil {
		return Row{}, fmt.Errorf("row %d: %w", seq, err)
	}
	row.Seq = seq
	return row, nil
}

// ErrNoRow says that there is no such row, or not any more.
var ErrNoRow = errors.New("there is no such row any more")

// Row returns a row and its exchange, which is nil if it was not kept.
func (s *Storage) Row(ctx context.Context, id string) (Row, *Exchange, error) {
	var (
		seq          int64
		doc          string
		head         sql.NullString
		body, answer []byte
	)
	found, err := s.db.row(ctx, `SELECT r.seq, r.doc, x.head, x.body, x.answer FROM {rows} AS r
		LEFT JOIN {exchanges} AS x ON x.id = r.id WHERE r.id = $1`, []any{plain(id)}, &seq, &doc, &head, &body, &answer)
	if err == nil && !found {
		return Row{}, nil, ErrNoRow
	}
	var row Row
	if err == nil {
		row, err = decode(seq, doc)
	}
	if err != nil {
		return Row{}, nil, fmt.Errorf("storage: read row %q of the history: %w", id, err)
	}
	if !head.Valid {
		return row, nil, nil
	}
	x := &Exchange{}
	if err := json.Unmarshal([]byte(head.String), x); err != nil {
		return Row{}, nil, fmt.Errorf("storage: read row %q of the history: %w", id, err)
	}
	x.Body, x.Answer = append(x.Body, body...), append(x.Answer, answer...) // so that nil differs from empty
	return row, x, nil
}
