package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A bot speaks HTTP to the command, as any library does: it polls, and calls methods.
type bot struct {
	t      *testing.T
	base   string
	ctx    context.Context
	end    func()
	handle func(b *bot, u update)

	mu   sync.Mutex
	seen []update
}

// An update has what the tests read of it.
type update struct {
	ID      int64    `json:"update_id"`
	Message *message `json:"message"`
	Edited  *message `json:"edited_message"`
	Post    *message `json:"channel_post"`
	Press   *struct {
		ID      string  `json:"id"`
		Data    string  `json:"data"`
		From    person  `json:"from"`
		Message message `json:"message"`
	} `json:"callback_query"`
	Inline *struct {
		ID    string `json:"id"`
		Query string `json:"query"`
	} `json:"inline_query"`
	Shipping *struct {
		ID string `json:"id"`
	} `json:"shipping_query"`
	PreCheckout *struct {
		ID string `json:"id"`
	} `json:"pre_checkout_query"`
	PollAnswer *struct {
		OptionIDs []int `json:"option_ids"`
	} `json:"poll_answer"`
	Reaction *struct {
		New []struct {
			Emoji string `json:"emoji"`
		} `json:"new_reaction"`
	} `json:"message_reaction"`
}

type person struct {
	ID   int64  `json:"id"`
	Name string `json:"first_name"`
}

type message struct {
	ID   int64  `json:"message_id"`
	From person `json:"from"`
	Chat struct {
		ID int64 `json:"id"`
	} `json:"chat"`
	Text     string `json:"text"`
	Caption  string `json:"caption"`
	AlbumID  string `json:"media_group_id"`
	Photo    []any  `json:"photo"`
	Document *struct {
		Name string `json:"file_name"`
		Size int64  `json:"file_size"`
		ID   string `json:"file_id"`
	} `json:"document"`
	Contact *struct {
		Phone string `json:"phone_number"`
	} `json:"contact"`
	Payment *struct {
		Total int64 `json:"total_amount"`
	} `json:"successful_payment"`
	ReplyTo *message `json:"reply_to_message"`
}

// poll starts a bot that polls. It ends with the test, or by stop.
func (c *command) poll(t *testing.T, handle func(b *bot, u update)) *bot {
	t.Helper()
	b := &bot{t: t, base: c.url + "/bot" + c.token + "/", handle: handle}
	b.ctx, b.end = context.WithCancel(context.Background())
	b.must("deleteWebhook", nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.work()
	}()
	t.Cleanup(func() {
		b.end()
		<-ended
	})
	return b
}

func (b *bot) work() {
	offset := int64(0)
	allowed := []string{"message", "edited_message", "channel_post", "callback_query", "inline_query", "shipping_query", "pre_checkout_query", "poll_answer", "message_reaction"}
	for b.ctx.Err() == nil {
		var updates []update
		if err := b.call("getUpdates", object{"offset": offset, "timeout": 20, "allowed_updates": allowed}, &updates); err != nil {
			time.Sleep(poll) // the command restarts; nothing listens meanwhile
			continue
		}
		for _, u := range updates {
			offset = u.ID + 1
			b.mu.Lock()
			b.seen = append(b.seen, u)
			b.mu.Unlock()
			if b.handle != nil {
				b.handle(b, u)
			}
		}
	}
}

// stop ends the bot.
func (b *bot) stop() { b.end() }

// updates gives what has come so far.
func (b *bot) updates() []update {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]update(nil), b.seen...)
}

// got waits until an update came for which ok is true.
func (b *bot) got(what string, ok func(u update) bool) update {
	b.t.Helper()
	var found update
	require.Eventually(b.t, func() bool {
		for _, u := range b.updates() {
			if ok(u) {
				found = u
				return true
			}
		}
		return false
	}, patience, poll, "the bot never got %s, but %v", what, b.updates())
	return found
}

// must calls a method, and gives the message that it answers with, if it does.
func (b *bot) must(method string, params object) message {
	b.t.Helper()
	var raw json.RawMessage
	if err := b.call(method, params, &raw); err != nil && b.ctx.Err() == nil { // the page may show the effect before the bot has the answer
		b.t.Errorf("%s: %v", method, err)
	}
	var m message
	_ = json.Unmarshal(raw, &m)
	return m
}

func (b *bot) call(method string, params object, result any) error {
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	return b.post(method, "application/json", bytes.NewReader(body), result)
}

// upload calls a method with files as parts: name in the form -> name of the file and content.
func (b *bot) upload(method string, params map[string]string, files map[string]part) {
	b.t.Helper()
	require.NoError(b.t, b.try(method, params, files), method)
}

// try is upload for a call that may be refused.
func (b *bot) try(method string, params map[string]string, files map[string]part) error {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range params {
		require.NoError(b.t, form.WriteField(name, value))
	}
	for name, f := range files {
		w, err := form.CreateFormFile(name, f.name)
		require.NoError(b.t, err)
		_, err = w.Write(f.content)
		require.NoError(b.t, err)
	}
	require.NoError(b.t, form.Close())
	return b.post(method, form.FormDataContentType(), &body, new(json.RawMessage))
}

type part struct {
	name    string
	content []byte
}

func (b *bot) post(method, contentType string, body io.Reader, result any) error {
	req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, b.base+method, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		OK          bool            `json:"ok"`
		Description string          `json:"description"`
		Result      json.RawMessage `json:"result"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if !answer.OK {
		return fmt.Errorf("%s", answer.Description)
	}
	return json.Unmarshal(answer.Result, result)
}
