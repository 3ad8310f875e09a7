package forward

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// execute has Telegram execute a webhook reply.
func (f *forwarder) execute(ctx context.Context, call tghooktest.Call) (fault tghooktest.CallFault) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var result json.RawMessage
	err := f.Bot.Call(ctx, call.Method, paramsOf(call), &result)
	var refused *tghook.APIError
	switch {
	case err == nil:
		fault.Result = result
		if result == nil {
			fault.Result = json.RawMessage("true")
		}
	case errors.As(err, &refused):
		fault.Err = &tghooktest.CallError{Code: refused.Code, Description: refused.Description, RetryAfter: refused.RetryAfter, MigrateTo: refused.MigrateToChatID}
	default:
		fault.Err = &tghooktest.CallError{Code: http.StatusBadGateway, Description: err.Error()}
	}
	return fault
}

// paramsOf returns the parameters of a call with its files in their places.
func paramsOf(call tghooktest.Call) map[string]any {
	params := make(map[string]any, len(call.Params)+len(call.Files))
	inner := map[string]bool{} // files that stand inside of JSON
	for name, text := range call.Params {
		params[name] = text
		var value any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if strings.Contains(text, `"`+attached) && d.Decode(&value) == nil {
			params[name] = place(value, call.Files, inner)
		}
	}
	for name, file := range call.Files {
		if !inner[name] {
			params[name] = fileOf(file)
		}
	}
	return params
}

const attached = "attach://"

func fileOf(f tghooktest.File) tghook.File {
	return tghook.File{Name: f.Name, Body: bytes.NewReader(f.Content)}
}

// place puts the files into a decoded parameter, and notes which it has put.
func place(value any, files map[string]tghooktest.File, put map[string]bool) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = place(member, files, put)
		}
	case []any:
		for i, item := range v {
			v[i] = place(item, files, put)
		}
	case string:
		if name, ok := strings.CutPrefix(v, attached); ok {
			if file, there := files[name]; there {
				put[name] = true
				return fileOf(file)
			}
		}
	}
	return value
}
