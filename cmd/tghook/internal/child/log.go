package child

import (
	"bytes"
	"strings"
	"sync"
	"time"
)

const (
	maxLine  = 16 << 10 // bytes of a line; a longer one is broken
	maxLines = 1000
	maxLog   = 1 << 20 // bytes of all lines that are kept
)

// Line is a line that the bot has printed.
type Line struct {
	At     time.Time
	Text   string // valid UTF-8, without the line's end
	Error  bool   // printed on standard error
	Number int64  // 1 for the first line, 2 for the next
}

// Log keeps the newest lines of a bot.
type Log struct {
	tell func(Line)

	telling sync.Mutex // tell is called for one line at a time; it guards only the order
	mu      sync.Mutex
	kept    []Line
	bytes   int
	printed int64 // lines, of which the newest are kept
}

func newLog(tell func(Line)) *Log { return &Log{tell: tell} }

func (l *Log) add(line Line) {
	l.telling.Lock()
	defer l.telling.Unlock()
	l.tell(l.keep(line))
}

// keep numbers the line, and returns it.
func (l *Log) keep(line Line) Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.printed++
	line.Number = l.printed
	l.kept = append(l.kept, line)
	l.bytes += len(line.Text)
	drop := 0
	for len(l.kept)-drop > maxLines || l.bytes > maxLog {
		l.bytes -= len(l.kept[drop].Text)
		drop++
	}
	l.kept = append(l.kept[:0], l.kept[drop:]...)
	return line
}

func (l *Log) lines() []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Line(nil), l.kept...)
}

// stream returns a writer for one of the bot's two outputs.
func (l *Log) stream(isError bool) *stream { return &stream{log: l, isError: isError} }

// A stream cuts text into lines.
type stream struct {
	log     *Log
	isError bool
	rest    []byte // a line whose end has not come yet
}

func (s *stream) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		at := bytes.IndexByte(p, '\n')
		room := maxLine - len(s.rest)
		switch {
		case at >= 0 && at <= room:
			s.line(p[:at])
			p = p[at+1:]
		case len(p) > room:
			s.line(p[:room])
			p = p[room:]
		default:
			s.rest = append(s.rest, p...)
			return n, nil
		}
	}
	return n, nil
}

// line ends the line that is begun.
func (s *stream) line(p []byte) {
	text := string(append(s.rest, p...))
	s.rest = nil
	text = strings.ToValidUTF8(strings.TrimSuffix(text, "\r"), "\uFFFD")
	s.log.add(Line{At: time.Now(), Text: text, Error: s.isError})
}

// flush makes a line of the text that has no line break.
func (s *stream) flush() {
	if len(s.rest) > 0 {
		s.line(nil)
	}
}
