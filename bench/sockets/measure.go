package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/bench/rivals"
	"github.com/tghook/tghook/tghooktest"
)

const connections = 40

// measure starts a server, loads it for some time, and returns the figures of a benchmark
// line.
func (m measurement) measure(ctx context.Context, length time.Duration) (line string, err error) {
	server, err := m.start(ctx)
	if err != nil {
		return "", err
	}
	defer server.kill()
	if err := m.probe(ctx, server.address); err != nil {
		return "", err
	}
	if m.warmUp > 0 {
		if _, _, err := m.load(ctx, server.address, m.warmUp); err != nil {
			return "", fmt.Errorf("warming up: %w", err)
		}
	}
	before, err := server.ask()
	if err != nil {
		return "", err
	}
	requests, took, err := m.load(ctx, server.address, length)
	if err != nil {
		return "", err
	}
	after, err := server.ask()
	if err != nil {
		return "", err
	}
	if err := server.end(); err != nil {
		return "", err
	}
	handled, cpu := after.handled-before.handled, float64(after.cpu-before.cpu)
	// Each connection may have had a request under way at the end.
	if handled < requests || handled > requests+connections || after.empty > 0 {
		return "", fmt.Errorf("it was asked %d times and handled %d, %d without a body", requests, handled, after.empty)
	}
	return fmt.Sprintf("%d %.0f req/s %.0f cpu-ns/req %.0f %%busy", requests, float64(requests)/took.Seconds(),
		cpu/float64(handled), 100*cpu/float64(took)), nil
}

// probe checks that the server answers an update with 200, and with a reply if it should
// have one.
func (m measurement) probe(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+rivals.Path, bytes.NewReader(tghooktest.Update(m.body)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Telegram-Bot-Api-Secret-Token", rivals.Secret)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	reply, err := io.ReadAll(answer.Body)
	if err == nil && bytes.Contains(reply, []byte(`"sendMessage"`)) != m.replies {
		err = fmt.Errorf("it answers %q", reply)
	}
	return err
}

// load has wrk send updates for some time. It returns an error if one of them fails.
func (m measurement) load(ctx context.Context, address string, length time.Duration) (requests int64, took time.Duration, err error) {
	file, err := os.CreateTemp("", "wrk-*.lua")
	if err != nil {
		return 0, 0, err
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(m.script(address)); err != nil {
		return 0, 0, err
	}
	if err := file.Close(); err != nil {
		return 0, 0, err
	}
	wrk := pinned(ctx, "1", "wrk", "-t", "1", "-c", strconv.Itoa(connections),
		"-d", strconv.FormatInt(int64(length.Seconds()), 10), "-s", file.Name(), "http://"+address)
	out, err := wrk.Output()
	if err != nil {
		return 0, 0, err
	}
	var failed, micros int64
	_, result, _ := strings.Cut(string(out), "result ")
	if _, err := fmt.Sscanf(result, "%d %d %d", &requests, &micros, &failed); err != nil {
		return 0, 0, fmt.Errorf("wrk printed %q: %w", out, err)
	}
	if failed > 0 {
		return 0, 0, fmt.Errorf("%d of %d requests failed:\n%s", failed, requests, out)
	}
	return requests, time.Duration(micros) * time.Microsecond, nil
}

// script returns wrk's script. Only the ids differ from request to request, so the client
// has little to do, and all requests have the same length.
func (m measurement) script(address string) string {
	body := tghooktest.Update(m.body)
	id := string(body[len(`{"update_id":`):][:9])
	chat := "2147483649" // the last digits of a group's id
	if m.body == "message" {
		chat = "7244100913"
	}
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nX-Telegram-Bot-Api-Secret-Token: %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n%s", rivals.Path, address, rivals.Secret, len(body), body)
	request = strconv.Quote(request) // ASCII: Lua reads it as Go does
	request = strings.ReplaceAll(strings.ReplaceAll(request, id, `" .. id .. "`), chat, `" .. chat .. "`)
	return `local id = 100000000
function request()
	id = id + 1
	local chat = 5000000000 + id % 10000
	return ` + request + `
end
function done(summary)
	local e = summary.errors
	print("result " .. summary.requests .. " " .. summary.duration .. " " .. e.connect + e.read + e.write + e.status + e.timeout)
end
`
}
