package tghooktest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// answer is the answer to a call.
type answer struct {
	result      json.RawMessage
	description string // written beside the result
	err         *botapi.Error
	wired       bool    // result is already in Telegram's form, with the line breaks of updates
	updates     []int64 // ids of the updates in the result
}

// wire returns the result in Telegram's form.
func (a answer) wire() json.RawMessage {
	if a.wired {
		return a.result
	}
	return botapi.AppendJSON(nil, a.result)
}

func refusal(code int, text string) answer {
	return answer{err: &botapi.Error{Code: code, Description: text}}
}

var (
	jsonTrue      = json.RawMessage("true")
	errNotFound   = &botapi.Error{Code: http.StatusNotFound, Description: "Not Found"}
	errBadToken   = &botapi.Error{Code: http.StatusUnauthorized, Description: "Unauthorized: invalid token specified"}
	errWrongToken = &botapi.Error{Code: http.StatusUnauthorized, Description: "Unauthorized"}
	errNotHere    = &botapi.Error{Code: http.StatusMisdirectedRequest, Description: "Misdirected Request: unallowed token specified"}
	restarting    = refusal(http.StatusInternalServerError, "Internal Server Error: restart")
)

// handle serves calls, the download of files, and ServerConfig.Rest.
func (h *host) handle(w http.ResponseWriter, r *http.Request) {
	rest := h.base.Rest != nil && !strings.HasPrefix(r.URL.Path, "/bot") && !strings.HasPrefix(r.URL.Path, "/file/bot")
	if err := h.foreign(r, rest); err != nil {
		botapi.WriteError(w, err)
		return
	}
	if rest {
		h.base.Rest.ServeHTTP(w, r)
		return
	}
	if path, ok := strings.CutPrefix(r.URL.Path, "/file/bot"); ok {
		h.download(w, r, path)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		botapi.WriteError(w, &botapi.Error{Code: http.StatusNotImplemented})
		return
	}
	var body io.Reader
	if r.ContentLength != 0 {
		body = r.Body
	}
	from := origin{header: r.Header}
	if h.base.Record {
		from.wire = newExchange(r, &body)
	}
	p, err := botapi.Read(r.URL.RawQuery, r.Header, body)
	var (
		s      *Server
		method string
	)
	if err == nil {
		s, method, err = h.target(r)
	}
	if err != nil {
		botapi.WriteError(w, err)
		return
	}
	if method != "" {
		p.Method = method
	}
	_, a, cut := s.do(p, from)
	switch {
	case cut:
		panic(http.ErrAbortHandler) // which ends the connection
	case a.err != nil:
		botapi.WriteError(w, a.err)
	default:
		botapi.WriteResult(w, a.wire(), a.description)
	}
}

// target returns the bot and the method that the path names; the method is empty if it names
// none. The path is /bot<token>/<method>. Telegram's test servers put test/ before the
// method, and the bot is there too.
func (h *host) target(r *http.Request) (s *Server, method string, err *botapi.Error) {
	if !strings.HasPrefix(r.RequestURI, "/") {
		return nil, "", &botapi.Error{Code: http.StatusNotFound, Description: "Not Found: absolute URI is specified in the Request-Line"}
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/bot")
	token, method, slash := strings.Cut(path, "/")
	if rest, test := strings.CutPrefix(method, "test"); test {
		method, slash = strings.CutPrefix(rest, "/")
	}
	if !ok || !slash {
		return nil, "", errNotFound
	}
	s, err = h.byToken(token)
	return s, method, err
}

// byToken returns the bot with the token. With AnyToken it adds one if there is none.
func (h *host) byToken(token string) (*Server, *botapi.Error) {
	id, refused := botOf(token)
	if refused != nil {
		return nil, refused
	}
	s := h.bots.find(id)
	if s == nil && h.base.AnyToken {
		_, err := h.add("BotConfig", BotConfig{Token: token})
		if s = h.bots.find(id); s == nil { // another call may have added it
			return nil, &botapi.Error{Code: http.StatusUnauthorized, Description: "Unauthorized: " + err.Error()}
		}
	}
	if s == nil || !s.digest.admits(token) {
		return nil, errWrongToken
	}
	if s.Token == "" {
		s = s.identify(token)
	}
	return s, nil
}

const (
	maxToken = 80
	endOfIDs = 1 << 54 // the ids of bots are below
)

// botOf returns the bot's id, with which its token begins.
func botOf(token string) (int64, *botapi.Error) {
	number, _, ok := strings.Cut(token, ":")
	if !ok || token[0] == '0' || len(token) > maxToken || strings.Contains(token, "/") {
		return 0, errBadToken
	}
	id, err := strconv.ParseInt(number, 10, 64)
	switch {
	case err != nil:
		return 0, errNotHere
	case id <= 0 || id >= endOfIDs:
		return 0, errBadToken
	}
	return id, nil
}

// download serves <token>/<file_path>, unless the files are on a disk. Telegram's test servers put test/ before the path.
func (h *host) download(w http.ResponseWriter, r *http.Request, path string) {
	token, path, _ := strings.Cut(path, "/")
	var content []byte
	id, refused := botOf(token)
	s, found := h.bots.find(id), false
	if refused == nil && s != nil && s.digest.admits(token) && h.base.Files == "" {
		content, found = s.world.Download(strings.TrimPrefix(path, "test/"))
	}
	if !found {
		botapi.WriteError(w, errNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// origin is where a call comes from: a request, or the answer to a delivery.
type origin struct {
	header http.Header
	wire   *Exchange     // nil unless ServerConfig.Record
	reply  *sender.Reply // nil for a request
}

// do answers a call and records it. If cut is true, the caller loses the answer.
func (s *Server) do(p botapi.Params, from origin) (call Call, a answer, cut bool) {
	method, known := botapi.Lookup(p.Method)
	if known {
		p.Method = method.Name
	}
	call = newCall(p, from, s.Now())
	call.ID = s.numbers.Add(1)
	if s.watchers.watched() {
		started := call
		started.Header = nil
		s.note(Event{Kind: EventCallStarted, CallID: call.ID, Call: &started})
	}
	fault := s.faults.ofCall(call)
	if from.reply != nil && fault.Delay > 0 { // neither a client nor the update waits for it
		later := call
		s.running.Go(func() { s.finish(p, known, &later, fault, from) })
		return call, answer{}, false
	}
	a = s.finish(p, known, &call, fault, from)
	return call, a, fault.Cut
}

// finish makes the call with the fault that was picked for it.
func (s *Server) finish(p botapi.Params, known bool, call *Call, fault CallFault, from origin) (a answer) {
	s.sleep(fault.Delay)
	switch {
	case fault.Err != nil:
		a.err = fault.Err.answer()
		a.err.Page = fault.Page
	case fault.Result != nil:
		a.result = fault.Result
	default:
		a = s.run(p, known, call)
	}
	call.Err, call.Updates, call.Took = callError(a.err), a.updates, s.Now().Sub(call.At)
	if known && a.err == nil && fault.Result == nil && !simulates(p.Method) {
		call.Note = onlyAccepted
	}
	if p.Method != pollMethod {
		call.Result = a.result
	}
	if from.wire != nil && !fault.Cut {
		from.wire.answered(a)
	}
	call.Header, call.HTTP = nil, from.wire.without(s.Token)
	s.calls.add(*call, s.bots.count())
	if s.watchers.watched() {
		ended := *call
		s.note(Event{Kind: EventCall, CallID: call.ID, Call: &ended})
	}
	if from.reply != nil && fault.Err == nil && a.err != nil {
		s.refusedCall(*from.reply, *call)
	}
	if from.reply == nil {
		s.sleep(fault.Hold)
	}
	return a
}

func (s *Server) run(p botapi.Params, known bool, call *Call) (a answer) {
	if err := s.admit(p.Method); err != nil {
		return answer{err: err}
	}
	if !known {
		return refusal(http.StatusNotFound, "Not Found: method not found")
	}
	s.warnOfParameters(p.Method, call.Unknown)
	switch p.Method {
	case "getUpdates":
		return s.getUpdates(p)
	case "setWebhook", "deleteWebhook":
		return s.setWebhook(p)
	case "getWebhookInfo":
		return s.getWebhookInfo()
	case "logOut":
		return s.logOut()
	case "close":
		return s.closeSession()
	}
	a.result, a.err = s.world.Call(p, call.ID)
	return a
}
