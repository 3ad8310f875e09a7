// Package export writes what happened between users and a bot as files that replay it:
// fixtures, a Go test on tghooktest, and tests for Python and Node on the control API of
// tghook dev.
//
// It reads what the users did out of the updates that the bot got, and what the bot did out
// of its calls. So it needs no record of how the acts were made.
package export

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tghook/tghook/tghooktest"
)

// Session is what happened between users and a bot.
type Session struct {
	// Username is the bot's username.
	Username string
	// Updates are the updates that the bot got: each of them once, however often it was
	// delivered.
	Updates []Update
	// Calls are the bot's calls in the order in which they were answered.
	Calls []Call
	// File returns the content of a file that a user sent. If it is nil, or does not know
	// the file, a file of the same kind stands in for it.
	File func(id string) (tghooktest.File, bool)
	// Command is the command that starts the bot. The tests run it if the environment has
	// no BOT_COMMAND.
	Command string
	// Webhook is the URL or path of the bot's webhook, if the bot does not set it itself.
	Webhook string
	// RefusedReplies says that Telegram refused or ignored a webhook reply.
	RefusedReplies bool
	// Chat is the only chat to export. If it is zero, all chats are.
	Chat int64
}

// Update is an update that the bot got.
type Update struct {
	Body []byte    // as delivered
	At   time.Time // when the user made it
}

// Call is a call of the bot.
type Call struct {
	tghooktest.Call

	// Fault says that the call failed because somebody asked for it.
	Fault bool
}

// Format is the format of an export.
type Format string

// The formats.
const (
	Fixtures Format = "fixtures" // a zip of update bodies with the bot's calls
	Go       Format = "go"       // a Go test on tghooktest
	Pytest   Format = "pytest"   // a test for pytest or unittest on the control API
	Node     Format = "node"     // a test for node:test on the control API
)

// ParseFormat returns the format with that name.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case Fixtures, Go, Pytest, Node:
		return f, nil
	}
	return "", fmt.Errorf("format %q is not known; use fixtures, go, pytest or node", name)
}

// FileName returns the name under which an export of the bot's session is saved.
func (f Format) FileName(username string) string {
	name := cmp.Or(identifier(strings.TrimSuffix(username, "_bot")), "bot")
	switch f {
	case Go:
		return name + "_session_test.go"
	case Pytest:
		return "test_" + name + "_session.py"
	case Node:
		return name + "-session.test.mjs"
	}
	return name + "-session.zip"
}

// ContentType returns the MIME type of the file.
func (f Format) ContentType() string {
	if f == Fixtures {
		return "application/zip"
	}
	return "text/plain; charset=utf-8"
}

// Write writes the session in a format.
func Write(w io.Writer, f Format, s Session) error {
	s = s.only()
	s.Username = strings.Map(usernameOnly, s.Username)
	if f == Fixtures {
		return writeFixtures(w, s)
	}
	l, known := languages[f]
	if !known {
		_, err := ParseFormat(string(f))
		return err
	}
	sc, err := read(s, l.snake)
	if err != nil {
		return err
	}
	source, err := l.source(sc)
	if err != nil {
		return fmt.Errorf("write the session as %s: %w", f, err)
	}
	_, err = w.Write(source)
	return err
}

// usernameOnly leaves out what no username has, for the comments of the sources.
func usernameOnly(r rune) rune {
	if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
		return r
	}
	return -1
}
