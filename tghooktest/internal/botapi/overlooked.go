package botapi

import (
	"fmt"
	"strings"
)

// overlooked returns why Telegram silently ignores the body of a 2xx answer, or part of it,
// although it looks like a call. It is empty if Telegram ignores nothing, or if the body is
// no call.
func (b *Body) overlooked(p Params) string {
	if p.Method != "" && !executed(p.Method) {
		return fmt.Sprintf("Telegram does not execute %.100s as a webhook reply; call it by a request to the Bot API", p.Method)
	}
	text := string(b.text)
	switch b.kind {
	case otherBody:
		if likeCall(text) {
			return fmt.Sprintf("Telegram does not execute a reply with the Content-Type %.100q; send application/json", b.contentType)
		}
		return ""
	case formBody:
		if p.Method == "" && strings.HasPrefix(text, "{") && likeCall(text) {
			return fmt.Sprintf("the Content-Type %.100q says form, but the body is JSON; send application/json", b.contentType)
		}
	case jsonBody:
		if !object(text) {
			return overlookedJSON(p, text)
		}
	}
	return misnamed(p)
}

// overlookedJSON is overlooked for a text that is not exactly one JSON object.
func overlookedJSON(p Params, text string) string {
	switch {
	case p.Method != "":
		return "the JSON is malformed; Telegram reads the part before the mistake"
	case likeCall(text):
		return "Telegram executes one JSON object only, and this is not one"
	}
	return ""
}

// misnamed is overlooked for a method's name in a wrong parameter.
func misnamed(p Params) string {
	for name := range p.Values {
		if p.Method == "" && strings.EqualFold(name, "method") {
			return "Telegram reads the method's name from the field method, not from " + name
		}
	}
	return ""
}

// likeCall reports whether text seems to name a method, in any letter case.
func likeCall(text string) bool {
	text = strings.ToLower(strings.Trim(text, blanks))
	if text == "" {
		return false
	}
	switch text[0] {
	case '{', '[', '"':
		return strings.Contains(text, `"method"`) || strings.Contains(text, `\"method\"`)
	}
	return strings.HasPrefix(text, "method=") || strings.Contains(text, "&method=")
}

// object reports whether text is exactly one JSON object.
func object(text string) bool {
	s := scanner{text}
	s.space()
	ok := strings.HasPrefix(s.rest, "{") && s.skip(maxDepth+1)
	s.space()
	return ok && s.rest == ""
}
