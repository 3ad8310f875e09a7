// Package send makes updates and posts them to a webhook as Telegram does.
package send

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/tghook/tghook/cmd/tghook/internal/verdict"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

// Kinds returns the kinds of update that Make knows.
func Kinds() []string {
	var all []string
	for name := range tghooktest.Updates() {
		all = append(all, name)
	}
	return all
}

// Make returns an update of a kind, sent now, with an id, and with changes. A change is a path
// and a value, such as message.text=hello or message.from.id=7. The value is JSON if it is
// valid JSON, and otherwise a text.
func Make(kind string, id int64, changes []string) ([]byte, error) {
	if !slices.Contains(Kinds(), kind) {
		return nil, fmt.Errorf("there is no kind of update %q; the kinds are %s", kind, strings.Join(Kinds(), ", "))
	}
	update := tghooktest.Update(kind)
	var err error
	if update, err = sjson.SetBytes(update, "update_id", id); err != nil {
		return nil, err
	}
	object := strings.TrimSuffix(kind, "_large")
	if gjson.GetBytes(update, object+".date").Int() > 0 {
		if update, err = sjson.SetBytes(update, object+".date", time.Now().Unix()); err != nil {
			return nil, err
		}
	}
	for _, change := range changes {
		if update, err = set(update, change); err != nil {
			return nil, err
		}
	}
	return update, nil
}

// set makes one change.
func set(update []byte, change string) ([]byte, error) {
	path, value, found := strings.Cut(change, "=")
	if !found || path == "" {
		return nil, fmt.Errorf("%q is not a path and a value; give one such as message.text=hello", change)
	}
	raw := []byte(value)
	if !json.Valid(raw) {
		raw, _ = json.Marshal(value) //nolint:errchkjson // a string can always be encoded
	}
	changed, err := sjson.SetRawBytes(update, path, raw)
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", path, err)
	}
	return changed, nil
}

// maxLine bounds an update in a file. Telegram's own have at most 512 KiB.
const maxLine = 2 << 20

// Read yields the updates of a file with one in each line. It skips empty lines.
func Read(r io.Reader, yield func(update []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if !gjson.ValidBytes(line) || !gjson.GetBytes(line, "update_id").Exists() {
			return fmt.Errorf("line %d is not an update: it must be a JSON object with update_id", n)
		}
		if err := yield(bytes.Clone(line)); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("a line has more than %d bytes; each update must stand in a line of its own", maxLine)
	}
	return lines.Err()
}

// Sent is an update that was posted, with the answer and what Telegram would do with it.
type Sent struct {
	UpdateID int64           `json:"update_id"`
	Kind     string          `json:"kind"`
	Took     time.Duration   `json:"took_ns"`
	Status   int             `json:"status,omitempty"` // 0 if no answer came
	Reason   string          `json:"reason,omitempty"`
	Header   [][2]string     `json:"header,omitempty"`
	Body     string          `json:"body,omitempty"`
	Problem  string          `json:"problem,omitempty"` // why no answer came
	Verdict  verdict.Verdict `json:"verdict"`
}

// Post posts an update on a connection of its own.
func Post(ctx context.Context, target *wire.Target, update []byte, patience time.Duration) (Sent, error) {
	s := Sent{UpdateID: gjson.GetBytes(update, "update_id").Int()}
	gjson.ParseBytes(update).ForEach(func(name, _ gjson.Result) bool {
		if name.String() != "update_id" {
			s.Kind = name.String()
		}
		return true
	})
	a, err := post(ctx, target, update, patience)
	s.Took = a.Took
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	if err != nil {
		s.Problem = wire.Why(err)
		s.Verdict.Error = recorded(s.Problem)
		return s, nil
	}
	s.Status, s.Reason, s.Body = a.Status, a.Reason, string(a.Body)
	s.Header = headerOf(a)
	s.Verdict, err = verdict.Of(ctx, update, a)
	return s, err
}

func post(ctx context.Context, target *wire.Target, update []byte, patience time.Duration) (wire.Answer, error) {
	c, err := target.Dial(ctx)
	if err != nil {
		return wire.Answer{}, err
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	return c.Exchange(target.Bytes(wire.Request{Body: string(update)}), patience)
}

// recorded returns what getWebhookInfo would show for a problem; empty if it shows nothing.
func recorded(problem string) string {
	switch {
	case strings.HasPrefix(problem, "no answer in time"):
		return "Read timeout expired"
	case strings.HasPrefix(problem, "the connection was closed"):
		return ""
	}
	return problem
}

// headerOf returns the lines of the answer's header, in their order.
func headerOf(a wire.Answer) (lines [][2]string) {
	head, _, _ := strings.Cut(string(a.Raw), "\r\n\r\n")
	for i, line := range strings.Split(head, "\r\n") {
		if name, value, found := strings.Cut(line, ":"); i > 0 && found {
			lines = append(lines, [2]string{name, strings.TrimSpace(value)})
		}
	}
	return lines
}

// String is the answer and the verdict as people read them.
func (s Sent) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "update %d (%s)\n", s.UpdateID, s.Kind)
	if s.Problem != "" {
		fmt.Fprintf(&b, "  %s, after %v\n", s.Problem, s.Took.Round(time.Millisecond))
	} else {
		fmt.Fprintf(&b, "  %s after %v\n", strings.TrimSpace(strconv.Itoa(s.Status)+" "+s.Reason), s.Took.Round(time.Millisecond/10))
	}
	for _, line := range s.Header {
		fmt.Fprintf(&b, "  %s: %s\n", line[0], line[1])
	}
	if s.Body != "" {
		body := s.Body
		if len(body) > maxShown {
			body = body[:maxShown] + "..."
		}
		fmt.Fprintf(&b, "\n  %s\n", strings.ReplaceAll(strings.ToValidUTF8(body, "?"), "\n", "\n  "))
	}
	fmt.Fprintf(&b, "%s", s.Verdict)
	return b.String()
}

const maxShown = 4000 // bytes of a body
