package outlet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/botapi"
)

// call is the webhook reply in the body of an answer.
type call struct {
	method    string
	params    map[string]any
	fileBytes int64
	size      int    // of the body that it was read from
	refused   string // why it is not executed
}

// kind is how a body is read.
type kind int

const (
	otherBody kind = iota // it has no call
	jsonBody
	formBody
	multipartBody
)

// kindOf looks for the types anywhere in a Content-Type, as Telegram does.
func kindOf(contentType string) kind {
	lower := strings.ToLower(contentType)
	switch {
	case strings.Contains(lower, "multipart/form-data"):
		return multipartBody
	case strings.Contains(lower, "application/x-www-form-urlencoded"):
		return formBody
	case strings.Contains(lower, "application/json"):
		return jsonBody
	}
	return otherBody
}

// readCall reads the call in a body. It is empty if the body has none. Telegram uses what it has
// read of a body that is not well formed. readCall does not: half of a call may do harm.
func readCall(contentType string, body []byte) call {
	c := call{params: map[string]any{}}
	var err error
	switch kindOf(contentType) {
	case otherBody:
	case jsonBody:
		err = c.readJSON(body)
	case formBody:
		err = c.readForm(string(body))
	case multipartBody:
		err = c.readMultipart(contentType, body)
	}
	if err == nil {
		err = c.check()
	}
	if err != nil {
		c.refused, c.params = err.Error(), nil
	}
	return c
}

// maxMembers is how many parameters a call may have.
const maxMembers = 1000

// set sets a parameter. The first of several counts, as for Telegram. Telegram ignores names with
// capital letters, and [tghook.Reply] refuses them.
func (c *call) set(name string, value any) error {
	if strings.EqualFold(name, "method") || strings.ContainsFunc(name, func(r rune) bool { return 'A' <= r && r <= 'Z' }) {
		return nil
	}
	if _, ok := c.params[name]; ok {
		return nil
	}
	if len(c.params) == maxMembers {
		return fmt.Errorf("the answer has more than %d parameters", maxMembers)
	}
	c.params[name] = value
	return nil
}

func (c *call) readJSON(body []byte) error {
	var members json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		if !bytes.Contains(body, []byte(`"method"`)) {
			return nil // a text such as ok is not meant to be a call
		}
		return fmt.Errorf("the answer is not well-formed JSON: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if first, err := d.Token(); first != json.Delim('{') {
		return err
	}
	named := false
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if name == "method" && !named {
			named = true
			c.method = string(value)
			_ = json.Unmarshal(value, &c.method) // another value than a string stays as it stands
		}
		if err := c.set(name.(string), value); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) readForm(body string) error {
	named := false
	for pair := range strings.SplitSeq(body, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescape(name), unescape(value)
		if name == "" {
			continue
		}
		if name == "method" && !named {
			named, c.method = true, value
		}
		if err := c.set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// unescape decodes a text of a form. A text that is not well formed stays as it is.
func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

var encoder = botapi.NewEncoder[tghook.File]()

// check says why the call is not executed.
func (c *call) check() error {
	lower := strings.ToLower(c.method)
	switch {
	case c.method == "":
		return nil
	case len(c.method) > maxMethod:
		c.method = ""
		return errors.New("the method of the answer has too long a name")
	case strings.HasPrefix(lower, "get"), lower == "setwebhook", lower == "deletewebhook", lower == "close", lower == "logout":
		return fmt.Errorf("the method %s is not executed if it is the answer to an update: Telegram ignores it there", c.method)
	}
	if _, err := encoder.Message(c.method, c.params); err != nil {
		return fmt.Errorf("the call cannot be sent: %w", err)
	}
	return nil
}

// maxMethod is how many letters the name of a method may have.
const maxMethod = 64
