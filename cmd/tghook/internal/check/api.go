package check

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

// API is a Bot API for the bot behind the receiver, by which Run sees what the bot's handler
// does. It takes any token, and each call succeeds.
type API struct{ server *tghooktest.Server }

// StartAPI starts an API at an address. Close ends it.
func StartAPI(listen string) (*API, error) {
	server, err := tghooktest.Start(tghooktest.ServerConfig{
		Listen: listen, NoBot: true, AnyToken: true, Warn: func(string) {},
		OnBot: func(bot *tghooktest.Server) { bot.OnCall(succeed) },
	})
	if err != nil {
		return nil, err
	}
	return &API{server}, nil
}

// URL is the address of the API, without a slash at its end.
func (a *API) URL() string { return a.server.URL }

// Close ends the API.
func (a *API) Close() { a.server.Close() }

// succeed answers a call as if its chat and message were there.
func succeed(c tghooktest.Call) (f tghooktest.CallFault) {
	method := strings.ToLower(c.Method)
	chat, err := strconv.ParseInt(c.Params["chat_id"], 10, 64)
	message := fmt.Sprintf(`{"message_id":1,"date":%d,"chat":{"id":%d,"type":"private","first_name":"Ann"},"text":"made up"}`, c.At.Unix(), chat)
	switch {
	case strings.HasPrefix(method, "get"):
		return f
	case method == "sendmediagroup":
		f.Result = []byte("[" + message + "]")
	case err != nil, method == "sendchataction", method == "sendmessagedraft":
		f.Result = []byte("true")
	case strings.HasPrefix(method, "copymessage"):
		f.Result = []byte(`{"message_id":1}`)
	case slices.ContainsFunc([]string{"send", "edit", "forward"}, func(begin string) bool { return strings.HasPrefix(method, begin) }):
		f.Result = []byte(message)
	default:
		f.Result = []byte("true")
	}
	return f
}

// settled returns the calls about a chat when no other has come for a while. It looks twice: if
// this machine has stalled, the bot had no time before the first look.
func (p *probe) settled(chat int64) (calls []tghooktest.Call) {
	const still = 300 * time.Millisecond
	for quiet := 0; quiet < 2; {
		before := len(calls)
		if !p.wait(still) {
			return calls
		}
		calls = nil
		for _, bot := range p.cfg.API.server.Bots() {
			for _, c := range bot.Calls() {
				if c.Params["chat_id"] == strconv.FormatInt(chat, 10) {
					calls = append(calls, c)
				}
			}
		}
		if quiet++; len(calls) != before {
			quiet = 0
		}
	}
	return calls
}

const (
	single  = 5_000_000_020
	thrice  = 5_000_000_021
	instant = 3 * time.Millisecond // how much later a call may arrive than the answer, though it was made before
)

// observed are checks that need Config.API.
var observed = []check{
	{
		"answers-after-the-work", "An update is answered after its handler has done its work.", Lost,
		"Answer 200 when the handler has ended, or when the update is kept durably. If the process ends in between, Telegram does not send the update again.",
		func(p *probe) finding {
			a, err := p.post(p.text(single, "work"))
			answered := time.Now()
			if problem := wrong(a, err); problem != "" {
				return fault("%s", problem)
			}
			calls := p.settled(single)
			switch {
			case len(calls) == 0:
				return unknown("the bot made no call for a message; start it with %s as its Bot API", p.cfg.API.URL())
			case calls[len(calls)-1].At.After(answered.Add(instant)):
				late := calls[len(calls)-1]
				return advice("%s came %v after the answer", late.Method, late.At.Sub(answered).Round(time.Millisecond))
			}
			return ok("%d calls came before the answer", len(calls))
		},
	},
	{
		"handles-an-update-once", "An update that comes again is handled once.", Repeated,
		"Remember the update_id of what was handled, or is being handled, in one place for all processes.", func(p *probe) finding {
			usual := len(p.settled(single))
			if usual == 0 {
				return unknown("the bot made no call for a message; start it with %s as its Bot API", p.cfg.API.URL())
			}
			u := p.text(thrice, "work")
			var both sync.WaitGroup
			for range 2 {
				both.Go(func() { _, _ = p.request(wire.Request{Body: string(u)}) })
			}
			both.Wait()
			atOnce := len(p.settled(thrice))
			if problem := p.delivers(u); problem != "" {
				return fault("the third time: %s", problem)
			}
			later := len(p.settled(thrice))
			seen := fmt.Sprintf("one delivery led to %d calls, two at once to %d, and one more later to %d more", usual, atOnce, later-atOnce)
			if later > usual {
				return fault("%s", seen)
			}
			return ok("%s", seen)
		},
	},
}
