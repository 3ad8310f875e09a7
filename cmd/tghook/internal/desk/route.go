package desk

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tghook/tghook/tghooktest"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// route is a request that the control API answers. What handle returns is written as JSON,
// unless it serves itself.
type route struct {
	method, path string
	handle       func(*http.Request) (any, error)
}

// Paths of the control API.
const (
	botPath     = "/api/bots/{bot}"
	userPath    = botPath + "/users/{user}"
	chatPath    = botPath + "/chats/{chat}"
	messagePath = chatPath + "/messages/{id}"
	topicPath   = chatPath + "/topics/{thread}"
	rowPath     = "/api/rows/{id}"
)

// routes are all routes of the control API.
func (d *Desk) routes() []route {
	const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	return []route{
		{get, "/api/openapi.json", d.openapi},
		{get, "/api/state", d.state},
		{post, "/api/reset", d.reset},
		{get, "/api/time", d.time},
		{post, "/api/time", d.changeTime},
		{get, "/api/events", d.events},
		{get, "/api/scenarios", d.listScenarios},
		{get, "/api/child", d.showChild},
		{post, "/api/child/restart", d.restartChild},

		{get, "/api/users", d.listUsers},
		{post, "/api/users", d.addUser},
		{patch, "/api/users/{user}", d.changeUser},

		{get, "/api/bots", d.listBots},
		{post, "/api/bots", d.addBot},
		{get, botPath, d.showBot},
		{post, userPath + "/block", d.userAct((*tghooktest.User).Block)},
		{post, userPath + "/unblock", d.userAct((*tghooktest.User).Unblock)},
		{post, userPath + "/start", d.startBot},

		{get, botPath + "/chats", d.listChats},
		{post, botPath + "/chats", d.addChat},
		{get, chatPath, d.showChat},
		{post, chatPath + "/read", d.read},
		{post, chatPath + "/press", d.pressChat},
		{post, chatPath + "/drafts/{draft}/stop", d.stopDraft},
		{post, chatPath + "/join", d.chatAct((*tghooktest.Chat).Join)},
		{post, chatPath + "/leave", d.chatAct((*tghooktest.Chat).Leave)},
		{post, chatPath + "/ask_to_join", d.chatAct((*tghooktest.Chat).AskToJoin)},
		{post, chatPath + "/boost", d.chatAct((*tghooktest.Chat).Boost)},
		{post, chatPath + "/unboost", d.chatAct((*tghooktest.Chat).Unboost)},
		{post, chatPath + "/upgrade", d.upgrade},
		{put, chatPath + "/bot", d.setBot},
		{post, chatPath + "/topics", d.addTopic},
		{post, topicPath + "/close", d.topicAct((*tghooktest.Chat).CloseTopic)},
		{post, topicPath + "/reopen", d.topicAct((*tghooktest.Chat).ReopenTopic)},
		{post, topicPath + "/delete", d.topicAct((*tghooktest.Chat).DeleteTopic)},

		{get, chatPath + "/messages", d.listMessages},
		{post, chatPath + "/messages", d.sendMessage},
		{patch, messagePath, d.editMessage},
		{del, messagePath, d.deleteMessage},
		{post, messagePath + "/forward", d.forward},
		{post, messagePath + "/press", d.pressMessage},
		{post, messagePath + "/reactions", d.react},
		{post, messagePath + "/vote", d.vote},
		{post, messagePath + "/pay", d.pay},
		{post, messagePath + "/buy", d.buy},
		{post, botPath + "/inline", d.inline},
		{post, botPath + "/inline/{query}/choose", d.choose},
		{get, botPath + "/files/{file}", d.file},

		{post, botPath + "/wait", d.wait},
		{post, botPath + "/updates", d.deliver},
		{get, botPath + "/rows", d.listRows},
		{get, botPath + "/export", d.export},
		{get, rowPath, d.showRow},
		{get, rowPath + "/curl", d.showCurl},
		{post, rowPath + "/replay", d.replay},
		{get, botPath + "/faults", d.listFaults},
		{post, botPath + "/faults", d.addFault},
		{del, botPath + "/faults/{id}", d.deleteFault},
	}
}

// handler returns the handler of the control API.
func (d *Desk) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range d.routes() {
		mux.HandleFunc(r.method+" "+r.path, func(w http.ResponseWriter, req *http.Request) { d.answer(w, req, r.handle) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			allowed := allows(mux, r)
			if allowed == nil {
				d.writeError(w, jsonhttp.NotFound("path", "the control API has no %s; GET /api/openapi.json lists its paths", r.URL.Path))
				return
			}
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			d.writeError(w, &jsonhttp.Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: fmt.Sprintf("%s does not take %s; it takes %s", r.URL.Path, r.Method, strings.Join(allowed, " and "))})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// allows returns the methods that the path of a request takes.
func allows(mux *http.ServeMux, r *http.Request) []string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			methods = append(methods, method)
		}
	}
	return methods
}

// answer answers a request of a route.
func (d *Desk) answer(w http.ResponseWriter, r *http.Request, handle func(*http.Request) (any, error)) {
	answer, err := handle(r)
	if err != nil {
		d.writeError(w, err)
		return
	}
	if h, ok := answer.(http.Handler); ok {
		h.ServeHTTP(w, r)
		return
	}
	jsonhttp.Write(w, http.StatusOK, answer, d.mask.hide)
}
