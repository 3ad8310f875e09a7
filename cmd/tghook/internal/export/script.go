package export

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/tghook/tghook/tghooktest"
)

// A script is a session: a sequence of acts of users, each with the bot's calls that followed. The
// languages print it.
type script struct {
	Session

	Users []*user
	Rooms []*room
	Seats []*seat
	Steps []*step
	Files []*content

	names names
}

// A room is a group or a channel.
type room struct {
	Kind     string // group, forum, basic_group or channel
	Title    string
	Variable string
	First    *seat // the seat of the one who was there first
}

// A seat is a chat, or a topic of it, as one user sees it.
type seat struct {
	User     *user
	Room     *room  // nil for a private chat
	Topic    string // name of the topic; empty if it is none
	Variable string
	Used     bool // a step needs it
	chat     int64
}

// content is the content of a file that a user sends.
type content struct {
	Name     string // of the file
	Variable string
	Data     []byte
	StandIn  bool // the session no longer has the content
}

// A step is an act of a user, or what the bot did. Verb says what; it decides which other
// fields have a value. They are the union of what the acts of users need.
type step struct {
	Verb      string
	User      *user
	Seat      *seat
	Room      *room
	Place     *seat // the seat of the user where the step needs a group, and Go only the user
	Makes     *seat // the seat that the user has after the step; nil if they had it before
	On        *step // the step that made the message, press, query or draft that this step is about
	Text      string
	Name      string
	Method    string
	Options   []string
	Index     int
	Seconds   float64
	Location  location
	Files     []*content
	Order     *payOrder
	Err       *tghooktest.CallError
	Answer    *string // text of the bot's answer to a press
	Answered  bool    // an inline query has results
	Paid      bool
	Refusal   *string // text of the bot's refusal of a payment
	Update    []byte
	kind      string // what a variable of the result is called
	message   int64  // id of the message that the step made
	variable  string
	names     *names
	Opens     bool // the step begins a paragraph of the source
	named     bool // a poll's voters are known
	resultIDs []string
}

// count is how often the bot has called a method.
type count struct {
	Method string
	N      int
}

// Milliseconds is how long the file that a user sends plays.
func (s *step) Milliseconds() int64 { return int64(s.Seconds * 1000) }

// Duration is that in the words of the control API, such as 2s.
func (s *step) Duration() string {
	return (time.Duration(s.Milliseconds()) * time.Millisecond).String()
}

// RetrySeconds is the retry_after of a call that failed.
func (s *step) RetrySeconds() int { return int(math.Ceil(s.Err.RetryAfter.Seconds())) }

// Sees reports whether the message that the step is about was seen by another user first.
func (s *step) Sees() bool { return s.On.Seat != nil && s.On.Seat != s.Seat }

// IsFirst reports whether the step makes the first seat of its room.
func (s *step) IsFirst() bool { return s.Makes != nil && s.Room.First == s.Makes }

// payOrder is what a user enters when they pay.
type payOrder struct {
	Name, Phone, Email string
	Address            *address
	Shipping           string
}

// RefusalText is the bot's refusal of a payment.
func (s *step) RefusalText() string { return *s.Refusal }

// IsGiven reports whether the user has entered anything.
func (o *payOrder) IsGiven() bool { return *o != payOrder{} }

// refer returns the step, whose result is in a variable from then on.
func (s *step) refer() *step {
	if s.variable == "" {
		s.variable = s.names.numbered(s.kind)
	}
	return s
}

// Variable is the variable that holds the step's result; empty if nothing refers to it.
func (s *step) Variable() string { return s.variable }

// IsAct reports whether a user did the step.
func (s *step) IsAct() bool {
	switch s.Verb {
	case "expect", "answer", "call", "refused", "draft", "results":
		return false
	}
	return true
}

// WebhookURL is the bot's webhook, if its whole URL is known.
func (s *script) WebhookURL() string {
	if strings.Contains(s.Webhook, "://") {
		return s.Webhook
	}
	return ""
}

// Counts says how often the bot called each method whose effect users see.
func (s *script) Counts() []count {
	var counts []count
	for _, c := range s.Calls {
		if silent(c) || passes(c.Method) {
			continue
		}
		i := slices.IndexFunc(counts, func(other count) bool { return other.Method == c.Method })
		if i < 0 {
			i = len(counts)
			counts = append(counts, count{Method: c.Method})
		}
		counts[i].N++
	}
	return counts
}

// names gives out variables.
type names struct {
	snake bool // names are snake_case, else camelCase
	taken map[string]bool
	next  map[string]int
}

// reserved are the words that no language lets a variable have, and the names that the
// sources use themselves.
const reserved = `
break case chan const continue default defer else fallthrough for func go goto if import interface map package range return
select struct switch type var nil true false iota any error string int byte rune len cap append copy delete make new panic print println
recover min max clear close complex real imag bool float32 float64 int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 uintptr complex64 complex128
and as assert async await class def del elif except finally from global in is lambda nonlocal not or pass raise try while with yield None True
False self match id list dict set str object open input
arguments catch debugger do enum eval export extends function implements instanceof let private protected public static super this throw typeof
undefined void process test describe it before after fetch module require
cmp exec os sync syscall testing time tg t tghook tghooktest slices strings encoding base64 json desk bot control assert start stop ready unittest
pytest subprocess client Desk refused deliver startBot decode`

func newNames(snake bool) names {
	n := names{snake, map[string]bool{}, map[string]int{}}
	for word := range strings.FieldsSeq(reserved) {
		n.taken[word] = true
	}
	return n
}

// unique returns a variable that reads like the text.
func (n *names) unique(text, otherwise string) string {
	name := identifier(text)
	if n.snake {
		name = snakeCase(name)
	}
	if name == "" {
		name = otherwise
	}
	if !n.taken[name] {
		n.taken[name] = true
		return name
	}
	return n.numbered(name)
}

// numbered returns a variable of the name with the next number.
func (n *names) numbered(name string) string {
	for {
		n.next[name]++
		numbered := name + strconv.Itoa(n.next[name])
		if !n.taken[numbered] {
			n.taken[numbered] = true
			return numbered
		}
	}
}

// identifier makes a variable's name of a text, of its letters in ASCII: zoeNunez of Zoë
// Núñez. It is empty if the text has no such letters.
func identifier(text string) string {
	const longest = 24
	var b strings.Builder
	upper := false
	for _, r := range norm.NFD.String(text) {
		switch {
		case unicode.Is(unicode.Mn, r): // an accent of the letter before
		case r >= unicode.MaxASCII || !unicode.IsLetter(r) && (!unicode.IsDigit(r) || b.Len() == 0):
			upper = b.Len() > 0
		case b.Len() >= longest:
			return b.String()
		case upper:
			b.WriteRune(unicode.ToUpper(r))
			upper = false
		case b.Len() == 0:
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// snakeCase returns the name zoe_nunez for zoeNunez.
func snakeCase(name string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
