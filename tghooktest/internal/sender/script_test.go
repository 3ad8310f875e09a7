package sender_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// situation is a situation of testdata/telegram, whose README.md says what the members
// mean.
type situation struct {
	Name     string
	Rows     []map[string]any
	Webhook  hook
	TLS      *certified
	Updates  []planned
	Network  []change
	Receiver []rule
	Until    seconds
	Expect   alternatives
}

type hook struct {
	URL            string
	MaxConnections int    `json:"max_connections"`
	SecretToken    string `json:"secret_token"`
}

// certified is the certificate of a receiver with TLS.
type certified struct {
	CommonName string `json:"common_name"`
	Names      []string
	Addresses  []string
	Expired    bool
	SignedBy   string `json:"signed_by"`
	Shown      string
	Uploaded   string
	Newest     string
	Asks       bool
}

// planned is an update that is queued at a time.
type planned struct {
	At     seconds
	Name   string
	Kind   string
	Object json.RawMessage
	Chat   int64
}

func (p *planned) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return decode(b, &[]any{&p.At, &p.Name, &p.Chat})
	}
	type plain planned
	return decode(b, (*plain)(p))
}

// change is a change of the receiver's network.
type change struct {
	At    seconds
	State string
}

func (c *change) UnmarshalJSON(b []byte) error { return decode(b, &[]any{&c.At, &c.State}) }

// rule says what the receiver does after some requests.
type rule struct {
	Request, Connection, Nth *span
	Update                   string
	Chat                     int64
	From                     seconds
	To                       *seconds
	Do                       []step
}

func (u rule) fits(q request, name string) bool {
	return u.Request.has(q.nth+1) && u.Connection.has(q.conn+1) && u.Nth.has(q.onConn) &&
		(u.Update == "" || u.Update == name) && (u.Chat == 0 || u.Chat == q.chat) &&
		q.at >= u.From.duration() && (u.To == nil || q.at < u.To.duration())
}

// span is a range of numbers, or of times.
type span struct{ first, last float64 }

func (s *span) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return decode(b, &[]any{&s.first, &s.last})
	}
	s.last = 0
	if err := decode(b, &s.first); err != nil {
		return err
	}
	s.last = s.first
	return nil
}

func (s *span) has(n int) bool { return s == nil || s.first <= float64(n) && float64(n) <= s.last }

// step is one thing that the receiver does.
type step struct {
	wait   time.Duration
	write  string
	drip   bool // write a byte each second
	ending ending
}

// ending is how the receiver ends a connection.
type ending int

const (
	open ending = iota
	closed
	aborted
)

func (s *step) UnmarshalJSON(b []byte) error {
	var object struct {
		Answer            *string
		Headers           []string
		Body, Write, Drip text
	}
	switch b[0] {
	case '"':
		return s.read(b)
	case '{':
		if err := decode(b, &object); err != nil {
			return err
		}
		*s = step{write: string(object.Write + object.Drip), drip: object.Drip != ""}
		if object.Answer != nil {
			s.write = answer(*object.Answer, string(object.Body), object.Headers...)
		}
		return nil
	}
	var wait seconds
	err := decode(b, &wait)
	s.wait = wait.duration()
	return err
}

func (s *step) read(b []byte) error {
	var word string
	if err := decode(b, &word); err != nil {
		return err
	}
	switch word {
	case "fin":
		s.ending = closed
	case "rst":
		s.ending = aborted
	default:
		s.write = answer(word, "")
	}
	return nil
}

func answer(status, body string, headers ...string) string {
	lines := append([]string{"HTTP/1.1 " + status}, headers...)
	lines = append(lines, fmt.Sprint("Content-Length: ", len(body)))
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// text is a string of bytes.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var object struct {
		Repeat, Gzip, Chunks text
		Times                int
		Hex                  string
	}
	switch b[0] {
	case '"':
		return decode(b, (*string)(t))
	case '[':
		var parts []text
		err := decode(b, &parts)
		for _, part := range parts {
			*t += part
		}
		return err
	}
	if err := decode(b, &object); err != nil {
		return err
	}
	plain, err := hex.DecodeString(object.Hex)
	*t = text(plain) + text(strings.Repeat(string(object.Repeat), object.Times))
	if object.Chunks != "" {
		*t += text(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(object.Chunks), object.Chunks))
	}
	if object.Gzip != "" {
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		_, _ = z.Write([]byte(object.Gzip))
		_ = z.Close()
		*t += text(zipped.String())
	}
	return err
}

// seconds is a time in seconds.
type seconds float64

func (s seconds) duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// expectation is what the sender must do.
type expectation struct {
	Requests    []expected
	Bytes       []numbered
	Connections *opened
	WrittenBack []numbered `json:"written_back"`
	Errors      []failure
	Replies     []executed
	Pending     int
	Removed     bool
	ServerName  *string `json:"server_name"`
}

// alternatives is a list of expectations, one of which must come true.
type alternatives []expectation

func (a *alternatives) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return decode(b, (*[]expectation)(a))
	}
	*a = make(alternatives, 1)
	return decode(b, &(*a)[0])
}

// expected is a request that must come.
type expected struct {
	at   span
	name string
	conn int // from 1; 0 for any
}

func (e *expected) UnmarshalJSON(b []byte) error {
	return decode(b, &[]any{&e.at, &e.name, &e.conn})
}

// opened is how many connections were opened, and when each was opened and closed.
type opened struct {
	number int
	times  [][2]*span // nil if only the number counts
}

func (o *opened) UnmarshalJSON(b []byte) error {
	if b[0] != '[' {
		return decode(b, &o.number)
	}
	err := decode(b, &o.times)
	o.number = len(o.times)
	return err
}

type numbered struct {
	number int
	text   text
}

func (n *numbered) UnmarshalJSON(b []byte) error { return decode(b, &[]any{&n.number, &n.text}) }

// failure is a last_error_message.
type failure struct {
	at    span
	text  string
	times int // 0 for any number
}

func (f *failure) UnmarshalJSON(b []byte) error {
	f.times = 1
	return decode(b, &[]any{&f.at, &f.text, &f.times})
}

// executed is a call of a method by an answer.
type executed struct {
	Method     string
	Parameters map[string]string
	Files      map[string]struct {
		Name    string
		Content text
	}
}

// decode decodes JSON. A member that is not known is an error.
func decode(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	d.UseNumber()
	return d.Decode(into)
}

// script returns all situations of a file, one for each row.
func script(t *testing.T, file string) (all []situation) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	var read struct {
		About      string
		Situations []json.RawMessage
	}
	require.NoError(t, decode(raw, &read), file)
	for _, raw := range read.Situations {
		var s situation
		var of struct {
			Name string           `json:"name"`
			Rows []map[string]any `json:"rows"`
		}
		require.NoErrorf(t, json.Unmarshal(raw, &of), "%s: %s", file, raw)
		if len(of.Rows) == 0 {
			require.NoError(t, decode(raw, &s), of.Name)
			all = append(all, s)
		}
		for i, row := range of.Rows {
			var tree any
			require.NoError(t, decode(raw, &tree), of.Name)
			filled, err := json.Marshal(fill(tree, row))
			require.NoError(t, err, of.Name)
			s = situation{}
			require.NoError(t, decode(filled, &s), of.Name)
			s.Name = fmt.Sprintf("%s, row %d", of.Name, i+1)
			all = append(all, s)
		}
	}
	return all
}

// fill puts the values of a row into a tree of JSON.
func fill(tree any, row map[string]any) any {
	switch v := tree.(type) {
	case string:
		if value, ok := row[strings.TrimPrefix(v, "$")]; ok && v[0] == '$' {
			return value
		}
		for name, value := range row {
			v = strings.ReplaceAll(v, "$"+name, fmt.Sprint(value))
		}
		return v
	case []any:
		for i := range v {
			v[i] = fill(v[i], row)
		}
	case map[string]any:
		for name := range v {
			if name != "rows" {
				v[name] = fill(v[name], row)
			}
		}
	}
	return tree
}

func TestTheSenderDoesWhatTelegramDoes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/telegram/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			for _, s := range script(t, file) {
				t.Run(s.Name, func(t *testing.T) {
					t.Parallel()
					play(t, s)
				})
			}
		})
	}
}
