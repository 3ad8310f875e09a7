package export

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/tghook/tghook/tghooktest"
)

// writeFixtures writes a zip. updates.jsonl has all updates, one a line, as tghook send
// plays them. Each update has a directory with its body as it was delivered, and with the
// bot's calls up to the next update.
func writeFixtures(w io.Writer, s Session) error {
	z := zip.NewWriter(w)
	lines, err := z.Create("updates.jsonl")
	if err != nil {
		return err
	}
	updates, err := parseAll(s.Updates)
	if err != nil {
		return err
	}
	for _, u := range updates {
		if err := writeLine(lines, u.body); err != nil {
			return err
		}
	}
	calls := s.Calls
	for i, u := range updates {
		mine := calls
		if i+1 < len(updates) {
			mine = before(calls, updates[i+1].at)
		}
		calls = calls[len(mine):]
		if err := writeFixture(z, fmt.Sprintf("%04d-%s/", i+1, u.kind), u.body, mine); err != nil {
			return err
		}
	}
	return z.Close()
}

// before returns the calls before the time.
func before(calls []Call, at time.Time) []Call {
	for i, c := range calls {
		if !c.At.Before(at) {
			return calls[:i]
		}
	}
	return calls
}

func writeLine(w io.Writer, body []byte) error {
	var update json.RawMessage
	if err := json.Unmarshal(body, &update); err != nil {
		return fmt.Errorf("read an update of the session: %w", err)
	}
	e := json.NewEncoder(w) // compact, so that it is one line
	e.SetEscapeHTML(false)
	return e.Encode(update)
}

// call is a call of the bot in a fixture.
type call struct {
	Method string                     `json:"method"`
	Params map[string]json.RawMessage `json:"params"`
	Files  map[string]callFile        `json:"files,omitempty"`
	Reply  bool                       `json:"reply"` // it was in the answer to the update
	Result json.RawMessage            `json:"result,omitempty"`
	Error  *callError                 `json:"error,omitempty"`
}

type callFile struct {
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
	Content     []byte `json:"content"` // in base64
}

type callError struct {
	Code        int    `json:"error_code"`
	Description string `json:"description"`
}

func writeFixture(z *zip.Writer, dir string, body []byte, calls []Call) error {
	update, err := z.Create(dir + "update.json")
	if err != nil {
		return err
	}
	if _, err := update.Write(body); err != nil {
		return err
	}
	said, err := z.Create(dir + "calls.json")
	if err != nil {
		return err
	}
	all := make([]call, 0, len(calls))
	for _, c := range calls {
		if !silent(c) {
			all = append(all, fixtureOf(c.Call))
		}
	}
	e := json.NewEncoder(said)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(all)
}

func fixtureOf(c tghooktest.Call) call {
	f := call{Method: c.Method, Params: map[string]json.RawMessage{}, Reply: c.Reply, Result: c.Result}
	for name, text := range c.Params {
		f.Params[name] = value(text)
	}
	for name, file := range c.Files {
		if f.Files == nil {
			f.Files = map[string]callFile{}
		}
		f.Files[name] = callFile{file.Name, file.ContentType, file.Content}
	}
	if c.Err != nil {
		f.Error = &callError{c.Err.Code, c.Err.Description}
	}
	return f
}

// value is the value of a parameter: the object or array that it is, or else its text.
func value(text string) json.RawMessage {
	if raw := json.RawMessage(text); text != "" && (text[0] == '{' || text[0] == '[') && json.Valid(raw) {
		return raw
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a text can always be encoded
	}
	return quoted
}
