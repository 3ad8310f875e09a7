package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path"
	"strconv"
	"time"

	"github.com/tghook/tghook/internal/retry"
	"github.com/tghook/tghook/internal/test/fleet"
)

// botSettings are the settings of a process of the bot.
type botSettings struct {
	Address string // where it listens
	Journal string // the file
	Life    int    // counted from 1
	Token   string
}

// failures is how many of a thousand requests the bot refuses, and slow how many take longer.
const (
	failures = 10
	slow     = 20
)

// answering is how many updates of a chat come for each that the bot answers with a webhook reply.
const answering = 10

// runBot is the bot's process. It notes each update, waits for the disk, and answers 200.
func runBot(ctx context.Context, its botSettings, _ *os.File) error {
	j, err := openJournal(its.Journal)
	if err != nil {
		return err
	}
	l, err := listenAgain(ctx, its.Address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: &bot{its.Life, j}, ReadHeaderTimeout: patience, IdleTimeout: 90 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	fleet.Ready(its.Address)
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}

// listenAgain listens on the address of a process that was killed.
func listenAgain(ctx context.Context, address string) (l net.Listener, err error) {
	for range 100 {
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", address); err == nil {
			return l, nil
		}
		_ = retry.Sleep(ctx, 10*time.Millisecond)
	}
	return nil, err
}

// bot is the bot's webhook.
type bot struct {
	life    int
	journal *journal
}

// ServeHTTP takes an update. The path ends with the number of the gateway that has sent it.
func (b *bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := arrival{life: b.life, arrived: time.Now()}
	if err := a.parse(r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch n := rand.IntN(1000); { //nolint:gosec // not a secret
	case n < failures:
		http.Error(w, "this bot fails on purpose", http.StatusInternalServerError)
		return
	case n < failures+slow:
		_ = retry.Sleep(r.Context(), time.Duration(n)*time.Millisecond)
	}
	if r.Context().Err() != nil {
		return // the gateway is dead
	}
	if err := b.journal.took(a); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if r.Context().Err() != nil {
		return // the gateway is dead, so the answer does not leave
	}
	var answer []byte
	if a.seq%answering == 0 {
		answer = fmt.Appendf(nil, `{"method":"sendMessage","chat_id":%d,"text":"%d"}`, a.chat, a.update)
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	_, err := w.Write(answer)
	if err == nil {
		err = http.NewResponseController(w).Flush()
	}
	if err == nil {
		b.journal.answered(a)
	}
}

// parse reads a request.
func (a *arrival) parse(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var u struct {
		ID      int64 `json:"update_id"`
		Message struct {
			Chat struct {
				ID int64 `json:"id"`
			} `json:"chat"`
			Text string `json:"text"`
		} `json:"message"`
	}
	if err := json.Unmarshal(body, &u); err != nil {
		return err
	}
	a.update, a.chat = u.ID, u.Message.Chat.ID
	if a.seq, err = strconv.ParseInt(u.Message.Text, 10, 64); err != nil {
		return err
	}
	a.gateway, err = strconv.Atoi(path.Base(r.URL.Path))
	return err
}
