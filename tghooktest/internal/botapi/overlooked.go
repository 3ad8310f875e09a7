package botapi

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
)

// Overlooked says what Telegram overlooks in the body of a webhook's 2xx answer that
// looks like a call. It is empty where Telegram overlooks nothing, and where the answer
// is no call.
func Overlooked(header http.Header, body []byte) string {
	p, err := read("", header, bytes.NewReader(body))
	if err != nil {
		return "" // the answer is refused, which last_error_message tells
	}
	if p.Method != "" && !executed(p.Method) {
		return fmt.Sprintf("Telegram does not execute %.100s as a webhook reply; call it by a request to the Bot API", p.Method)
	}
	contentType, text := header.Get("Content-Type"), Excerpt(header, body, maxParams)
	switch kindOf(contentType) {
	case otherBody:
		if likeCall(text) {
			return fmt.Sprintf("Telegram does not execute a reply with the Content-Type %.100q; send application/json", contentType)
		}
		return ""
	case formBody:
		if p.Method == "" && strings.HasPrefix(text, "{") && likeCall(text) {
			return fmt.Sprintf("the Content-Type %.100q says form, but the body is JSON; send application/json", contentType)
		}
	case jsonBody:
		if !object(text) {
			return overlookedJSON(p, text)
		}
	}
	return misnamed(p)
}

// overlookedJSON is Overlooked for a text that is not one JSON object.
func overlookedJSON(p Params, text string) string {
	switch {
	case p.Method != "":
		return "the JSON is malformed; Telegram reads the part before the mistake"
	case likeCall(text):
		return "Telegram executes one JSON object only, and this is not one"
	}
	return ""
}

// misnamed is Overlooked for a method's name that is in another parameter.
func misnamed(p Params) string {
	for name := range p.Values {
		if p.Method == "" && strings.EqualFold(name, "method") {
			return "Telegram reads the method's name from the field method, not from " + name
		}
	}
	return ""
}

// Excerpt is the beginning of a body, without its Content-Encoding.
func Excerpt(header http.Header, body []byte, limit int) string {
	content, err := decoded(bytes.NewReader(body), header.Get("Content-Encoding"))
	if err != nil {
		return ""
	}
	text, _ := limited(content, limit) // what could be read of it
	return string(text[:min(len(text), limit)])
}

// likeCall reports whether text has what a method is named by, in any case.
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

// object reports whether text is one JSON object, and nothing else.
func object(text string) bool {
	s := scanner{text}
	s.space()
	ok := strings.HasPrefix(s.rest, "{") && s.skip(maxDepth+1)
	s.space()
	return ok && s.rest == ""
}
