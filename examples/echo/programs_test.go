package echo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	token    = "7244100913:AAH-stand_in_token_0123456789abcdefg"
	update   = `{"update_id":5,` + "\n" + `"message":{"message_id":1,"date":1,"chat":{"id":42,"type":"private"},"text":"hello, bot"}}`
	patience = 30 * time.Second
)

// botAPI stands in for Telegram's. It gives out one update to whoever polls, and
// says what it is asked.
type botAPI struct {
	*httptest.Server
	calls chan call
}

type call struct {
	method string
	params map[string]any
}

func newBotAPI(t *testing.T) *botAPI {
	t.Helper()
	api := &botAPI{calls: make(chan call, 100)}
	api.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		method, _ := strings.CutPrefix(r.URL.Path, "/bot"+token+"/")
		c := call{method: method}
		if err := json.NewDecoder(r.Body).Decode(&c.params); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		api.calls <- c
		result := "true"
		switch {
		case method == "getWebhookInfo":
			result = `{"url":""}`
		case method == "getUpdates" && c.params["offset"] == nil:
			result = "[" + update + "]"
		case method == "getUpdates":
			if c.params["timeout"] != nil {
				<-r.Context().Done() // nothing more comes
			}
			result = "[]"
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"ok":true,"result":`+result+`}`)
	}))
	t.Cleanup(api.Close)
	return api
}

// next is the next call of method.
func (api *botAPI) next(t *testing.T, method string) map[string]any {
	t.Helper()
	giveUp := time.After(patience)
	for {
		select {
		case c := <-api.calls:
			if c.method == method {
				return c.params
			}
		case <-giveUp:
			t.Fatalf("%s was not called", method)
		}
	}
}

// program is one of the examples, as a user runs it.
type program struct {
	cmd    *exec.Cmd
	output bytes.Buffer
}

func (api *botAPI) start(t *testing.T, binary string, env ...string) *program {
	t.Helper()
	p := &program{cmd: exec.CommandContext(t.Context(), binary)}
	p.cmd.Env = append([]string{"TELEGRAM_TOKEN=" + token, "TELEGRAM_API_URL=" + api.URL, "TELEGRAM_API_LOCAL=true"}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// stop ends it as a platform does.
func (p *program) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() }) // which Wait returns
	defer kill.Stop()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, &p.output)
	}
	if strings.Contains(p.output.String(), "stand_in_token") {
		t.Errorf("it tells the token:\n%s", &p.output)
	}
}

// deliver posts the update to url as Telegram would, and returns the answer.
func deliver(t *testing.T, url, secret string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(update))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport, Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var reply map[string]any
	if err := json.NewDecoder(res.Body).Decode(&reply); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("the update is answered %s: %v", res.Status, err)
	}
	return reply
}

// freePort is one that the system does not give to whoever asks for any.
func freePort(t *testing.T) string {
	t.Helper()
	for {
		port := strconv.Itoa(10_000 + rand.N(20_000))
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:"+port)
		if err == nil {
			l.Close()
			return port
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
}

// One bot, an update in, the same reply out, and an end in peace.
func TestThePrograms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "../mounted", "../standalone", "../polling")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"mounted", "standalone", "polling"} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		cmd := exec.CommandContext(ctx, filepath.Join(dir, name))
		cmd.Env = []string{} // not the developer's own
		out, err := cmd.CombinedOutput()
		cancel()
		if err == nil || !strings.Contains(string(out), "TELEGRAM_TOKEN: is not set") {
			t.Errorf("%s without a token: %v\n%s", name, err, out)
		}
	}
	checkReply := func(t *testing.T, reply map[string]any) {
		t.Helper()
		if fmt.Sprintf("%v %v", reply["chat_id"], reply["text"]) != "42 hello, bot" {
			t.Errorf("the reply is %v", reply)
		}
	}
	for name, c := range map[string]struct {
		program string
		webhook bool
	}{
		"mounted":                   {"mounted", true},
		"standalone, by webhook":    {"standalone", true},
		"standalone, without a URL": {"standalone", false},
		"polling":                   {"polling", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newBotAPI(t)
			binary := filepath.Join(dir, c.program)
			if !c.webhook {
				p := api.start(t, binary)
				checkReply(t, api.next(t, "sendMessage"))
				for api.next(t, "getUpdates")["offset"] != 6. { // the update is confirmed
				}
				p.stop(t)
				return
			}
			address := "127.0.0.1:" + freePort(t)
			p := api.start(t, binary, "TELEGRAM_LISTEN="+address, "TELEGRAM_WEBHOOK_URL=http://"+address+"/telegram")
			set := api.next(t, "setWebhook")
			if allowed := fmt.Sprint(set["allowed_updates"]); allowed != "[callback_query message]" {
				t.Errorf("allowed_updates is %s", allowed)
			}
			reply := deliver(t, set["url"].(string), set["secret_token"].(string))
			if reply["method"] != "sendMessage" {
				t.Errorf("the reply is %v", reply)
			}
			checkReply(t, reply)
			p.stop(t)
		})
	}
}
