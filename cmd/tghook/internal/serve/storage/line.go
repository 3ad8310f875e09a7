package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// line is a record as it stands in the tables.
type line struct {
	row      []any // the columns of {rows} from id on
	exchange []any // the columns of {exchanges}, nil if there is none
}

const (
	rowColumns      = `id, bot, at, update_id, chat, failed, size, kind, type, method, words, doc`
	exchangeColumns = `id, head, body, answer`
	statementRows   = 10  // in one statement; SQLite's driver compares each parameter with all
	rowOverhead     = 800 // also of an exchange
)

// sizeOf returns about how many bytes a record takes, in memory and in the tables.
func sizeOf(r *Row, x *Exchange) int {
	size := rowOverhead + 2*len(r.Summary) + 2*len(r.Error) + 2*len(r.Method) + len(r.Target) + len(r.Kind) + len(r.ID) + len(r.Cause)
	if r.Reply != nil {
		size += len(r.Reply.Method) + len(r.Reply.Refused) + len(r.Reply.Row)
	}
	if x == nil {
		return size
	}
	size += rowOverhead + len(x.Method) + len(x.URL) + len(x.Body) + len(x.Answer)
	for _, header := range [][][2]string{x.Header, x.AnswerHeader} {
		for _, field := range header {
			size += len(field[0]) + len(field[1]) + 8
		}
	}
	return size
}

// encode leaves out records that have no JSON.
func encode(some []record) []line {
	lines := make([]line, 0, len(some))
	for i := range some {
		if l, err := encodeOne(&some[i]); err == nil {
			lines = append(lines, l)
		}
	}
	return lines
}

func encodeOne(r *record) (line, error) {
	row := r.row
	row.Seq = 0 // the table has it
	doc, err := json.Marshal(row)
	if err != nil {
		return line{}, err
	}
	failed := 1
	if row.OK {
		failed = 0
	}
	l := line{row: []any{
		plain(row.ID), row.Bot, row.At.UnixMicro(), row.UpdateID, row.Chat, failed, r.size,
		plain(row.Kind), plain(row.Type), plain(row.Method), searchable(row.Summary + "\n" + row.Error + "\n" + row.Method), string(doc),
	}}
	if r.exchange != nil {
		head := *r.exchange
		head.Body, head.Answer = head.Body[:0], head.Answer[:0] // nil stays nil
		text, err := json.Marshal(head)
		if err != nil {
			return line{}, err
		}
		l.exchange = []any{plain(row.ID), string(text), r.exchange.Body, r.exchange.Answer}
	}
	return l, nil
}

// plain returns a text that PostgreSQL takes.
func plain(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "") }

// searchable returns a text whose case does not count, in any language.
func searchable(s string) string { return strings.ToLower(plain(s)) }

// insert writes lines. Those that are in the tables already, because an earlier attempt has
// succeeded without an answer, are left out.
func (db *database) insert(ctx context.Context, lines []line) error {
	if len(lines) == 0 {
		return nil
	}
	return db.write(ctx, db.sql, func(ctx context.Context, tx *sql.Tx) error {
		// The lock of this row makes the order of numbers that of commits. So who reads up to
		// the highest number has read all rows.
		if _, err := tx.ExecContext(ctx, db.text(`UPDATE {state} SET written = written + 1`)); err != nil {
			return err
		}
		size := int64(0)
		for some := range slices.Chunk(lines, statementRows) {
			added, err := db.insertSome(ctx, tx, some)
			if err != nil {
				return err
			}
			size += added
		}
		_, err := tx.ExecContext(ctx, db.text(`UPDATE {state} SET size = size + $1`), size)
		return err
	})
}

// insertSome returns the size of the rows that are new.
func (db *database) insertSome(ctx context.Context, tx *sql.Tx, lines []line) (size int64, err error) {
	rows, exchanges := make([][]any, 0, len(lines)), make([][]any, 0, len(lines))
	for _, l := range lines {
		rows = append(rows, l.row)
		if l.exchange != nil {
			exchanges = append(exchanges, l.exchange)
		}
	}
	query, args := insertion(`INSERT INTO {rows} (`+rowColumns+`) VALUES `, rows)
	found, err := tx.QueryContext(ctx, db.text(query+` ON CONFLICT (id) DO NOTHING RETURNING size`), args...)
	if err != nil {
		return 0, err
	}
	sizes, err := scanAll(found, scanNumber)
	if err != nil || len(exchanges) == 0 {
		return sum(sizes), err
	}
	query, args = insertion(`INSERT INTO {exchanges} (`+exchangeColumns+`) VALUES `, exchanges)
	_, err = tx.ExecContext(ctx, db.text(query+` ON CONFLICT (id) DO NOTHING`), args...)
	return sum(sizes), err
}

// insertion adds ($1, $2), ($3, $4) and so on to a statement, and returns its arguments.
func insertion(query string, rows [][]any) (text string, args []any) {
	var b strings.Builder
	b.WriteString(query)
	for i, row := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		for j := range row {
			b.WriteString([]string{"(", ", "}[min(j, 1)])
			b.WriteString("$" + strconv.Itoa(len(args)+j+1))
		}
		b.WriteString(")")
		args = append(args, row...)
	}
	return b.String(), args
}
