package sender_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// check compares what happened with the expectations.
func (p *player) check() {
	p.Helper()
	saw := p.saw()
	var all []string
	for _, want := range p.Expect {
		problems := slices.Concat(
			p.requests(saw.requests, want.Requests), p.bytes(saw, want), connections(saw, want.Connections),
			errorsOf(saw, want.Errors), repliesOf(saw.replies, want.Replies),
			differs("updates that wait", want.Pending, p.queue.Len()), differs("the webhook was removed", want.Removed, saw.gone > 0),
			p.greeting(want.ServerName),
		)
		if len(problems) == 0 {
			return
		}
		all = append(all, strings.Join(problems, "\n"))
	}
	assert.Fail(p, strings.Join(all, "\nand, not as in the next alternative either:\n"))
}

func differs(what string, want, got any) []string {
	if assert.ObjectsAreEqual(want, got) {
		return nil
	}
	return []string{fmt.Sprintf("%s: %v, want %v", what, got, want)}
}

// requests looks for each request in the list. A request must not pass another one of its
// connection or chat.
func (p *player) requests(got []request, want []expected) []string {
	if want == nil {
		return nil
	}
	left := slices.Clone(want)
	for _, q := range got {
		name := p.name(q)
		i := slices.IndexFunc(left, func(e expected) bool {
			return e.fits(q, name) || e.conn == q.conn+1 || p.chat(e.name) == p.chat(name)
		})
		if i < 0 || !left[i].fits(q, name) {
			return []string{"this request should not come: " + p.line(q) + "; all that came:\n" + p.lines(got)}
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		return []string{fmt.Sprintf("%d requests are missing, the first of them %q at %v; all that came:\n%s", len(left), left[0].name, left[0].at, p.lines(got))}
	}
	return nil
}

func (e *expected) fits(q request, name string) bool {
	return e.name == name && (e.conn == 0 || e.conn == q.conn+1) && e.at.around(q.at)
}

// around reports whether a time is in s, give or take a little.
func (s *span) around(at time.Duration) bool {
	return at >= seconds(s.first).duration()-tolerance && at <= seconds(s.last).duration()+tolerance
}

// chat returns a number that all updates of a chat have in common.
func (p *player) chat(name string) int64 {
	for i, u := range p.Updates {
		if u.Name == name {
			return cmp.Or(u.Chat, int64(-1-i))
		}
	}
	return 0
}

func (p *player) line(q request) string {
	return fmt.Sprintf("[%.3f, %q, %d]", q.at.Seconds(), p.name(q), q.conn+1)
}

func (p *player) lines(all []request) string {
	lines := make([]string, 0, len(all))
	for _, q := range all[:min(len(all), 50)] {
		lines = append(lines, p.line(q))
	}
	return strings.Join(lines, "\n")
}

// bytes compares requests, and what came after the last one of a connection.
func (p *player) bytes(saw seen, want expectation) (problems []string) {
	for _, b := range want.Bytes {
		if b.number > len(saw.requests) {
			problems = append(problems, fmt.Sprintf("request %d is missing", b.number))
			continue
		}
		q := saw.requests[b.number-1]
		problems = append(problems, differs(fmt.Sprint("request ", b.number), p.written(string(b.text), q), q.raw)...)
	}
	for _, b := range want.WrittenBack {
		if b.number > len(saw.rest) {
			problems = append(problems, fmt.Sprintf("connection %d is missing", b.number))
			continue
		}
		problems = append(problems, differs(fmt.Sprint("written back on connection ", b.number), string(b.text), saw.rest[b.number-1])...)
	}
	return problems
}

// written puts the numbers of a request into its text.
func (p *player) written(text string, q request) string {
	_, body, _ := strings.Cut(q.raw, "\r\n\r\n")
	var date int64
	_, about, _ := strings.Cut(body, `"date":`)
	_, _ = fmt.Sscan(about, &date)
	return strings.NewReplacer(
		"$update_id", strconv.FormatInt(q.id, 10), "$date", strconv.FormatInt(date, 10), "$length", strconv.Itoa(len(body)),
	).Replace(text)
}

// greeting compares what the sender sends first. It offers no protocol, and so HTTP/1.1.
func (p *player) greeting(name *string) []string {
	if name == nil {
		return nil
	}
	h := p.hello.Load()
	if h == nil {
		return []string{"no hello of TLS came"}
	}
	return append(differs("the server name of TLS", *name, h.ServerName), differs("protocols that were offered", 0, len(h.SupportedProtos))...)
}

func connections(saw seen, want *opened) []string {
	if want == nil {
		return nil
	}
	problems := differs("connections", want.number, len(saw.opened))
	for i, w := range want.times[:min(len(want.times), len(saw.opened))] {
		end := saw.ends[i]
		if !w[0].around(saw.opened[i]) || (w[1] == nil) != (end == 0) || w[1] != nil && !w[1].around(end) {
			problems = append(problems, fmt.Sprintf("connection %d was opened at %v and closed at %v", i+1, saw.opened[i], end))
		}
	}
	return problems
}

// errorsOf takes as many errors for each entry as it stands for.
func errorsOf(saw seen, want []failure) []string {
	at := 0
	for _, f := range want {
		n := 0
		for ; at < len(saw.failed) && (f.times == 0 || n < f.times) && saw.failed[at] == f.text && f.at.around(saw.failing[at]); n++ {
			at++
		}
		if n < f.times {
			return []string{fmt.Sprintf("error %d is not %q at %v; all errors: %s", at+1, f.text, f.at, told(saw))}
		}
	}
	if at < len(saw.failed) {
		return []string{fmt.Sprintf("error %d should not come; all errors: %s", at+1, told(saw))}
	}
	return nil
}

func told(saw seen) string {
	lines := append(make([]string, 0, 51), strconv.Itoa(len(saw.failed)))
	for i, text := range saw.failed[:min(len(saw.failed), 50)] {
		lines = append(lines, fmt.Sprintf("[%.3f, %q]", saw.failing[i].Seconds(), text))
	}
	return strings.Join(lines, "\n")
}

func repliesOf(got []sender.Reply, want []executed) []string {
	problems := differs("calls that were executed", len(want), len(got))
	for i, w := range want[:min(len(want), len(got))] {
		r := got[i]
		problems = append(problems, differs("the method of a call", w.Method, r.Method)...)
		if w.Parameters != nil {
			problems = append(problems, differs("parameters", w.Parameters, maps.Collect(maps.All(r.Values)))...)
		}
		problems = append(problems, differs("files", len(w.Files), len(r.Files))...)
		for name, file := range w.Files {
			problems = append(problems, differs("the name of "+name, file.Name, r.Files[name].Name)...)
			if string(file.Content) != string(r.Files[name].Content) {
				problems = append(problems, "the file "+name+" has other bytes")
			}
		}
	}
	return problems
}
