// Package tghooktest helps to test bots and the doors their updates come in by.
//
// [NewServer] starts a Telegram in the test's process: a Bot API, a sender that delivers
// to webhooks or gives to polls in Telegram's order and with its retries, and users who
// write to the bot and press its buttons.
//
//	tg := tghooktest.NewServer(t)
//	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: secret})
//	chat := tg.User("Zoë").Chat()
//	chat.Send("hi")
//	chat.Expect(t, "Hello, Zoë!")
//
// [Update] and [Updates] give update bodies in the form in which Telegram's
// server sends them: one of every kind of Bot API 10.3, and a large message.
//
// [TestDoor] checks that a door keeps the webhook's promise, byte for byte where it
// has a listener: run it on an adapter of your own.
package tghooktest

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed updates/*.json
var updateFiles embed.FS

type fixture struct {
	name string
	id   int64
	body []byte
}

var fixtures = sync.OnceValue(func() []fixture {
	files, err := updateFiles.ReadDir("updates")
	if err != nil {
		panic(err)
	}
	all := make([]fixture, 0, len(files))
	for _, file := range files {
		body, err := updateFiles.ReadFile(path.Join("updates", file.Name()))
		if err != nil {
			panic(err)
		}
		var u struct {
			ID int64 `json:"update_id"`
		}
		if err := json.Unmarshal(body, &u); err != nil {
			panic(fmt.Sprintf("tghooktest: fixture %s: %v", file.Name(), err))
		}
		all = append(all, fixture{strings.TrimSuffix(file.Name(), ".json"), u.ID, body})
	}
	slices.SortFunc(all, func(a, b fixture) int { return cmp.Compare(a.id, b.id) })
	return all
})

// Update returns the body of the named update, in a slice of its own. Names are
// the kinds ("message", "callback_query", ...) and "message_large", a captioned
// photo of 14 kB. It panics for an unknown name, with the list of the known ones.
func Update(name string) []byte {
	names := make([]string, 0, len(fixtures()))
	for known, body := range Updates() {
		if known == name {
			return body
		}
		names = append(names, known)
	}
	panic(fmt.Sprintf("tghooktest: no update named %q; there are %s", name, strings.Join(names, ", ")))
}

// Updates yields the name and body of every update, by ascending update_id, each
// body in a slice of its own.
func Updates() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, f := range fixtures() {
			if !yield(f.name, bytes.Clone(f.body)) {
				return
			}
		}
	}
}
