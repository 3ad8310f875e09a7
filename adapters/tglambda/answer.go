package tglambda

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/tghook/tghook"
)

// answer is a response in the form of any door.
type answer struct {
	StatusCode        int               `json:"statusCode"`
	StatusDescription string            `json:"statusDescription,omitempty"`
	Headers           map[string]string `json:"headers,omitzero"`
	MultiValueHeaders http.Header       `json:"multiValueHeaders,omitzero"`
	Body              string            `json:"body"`
	IsBase64Encoded   bool              `json:"isBase64Encoded"`
}

// answer returns res in the form of e.
func (e *event) answer(res tghook.Response) answer {
	a := answer{StatusCode: res.Status}
	if e.RequestContext.ELB != nil {
		a.StatusDescription = fmt.Sprintf("%d %s", res.Status, http.StatusText(res.Status))
	}
	if e.MultiValueHeaders != nil {
		a.MultiValueHeaders = http.Header{} // a load balancer needs it even if empty
		maps.Copy(a.MultiValueHeaders, res.Header)
	} else {
		a.Headers = make(map[string]string, len(res.Header))
		for name, values := range res.Header {
			a.Headers[name] = strings.Join(values, ", ")
		}
	}
	if a.Body = string(res.Body); isText(res) {
		return a
	}
	a.Body, a.IsBase64Encoded = base64.StdEncoding.EncodeToString(res.Body), true
	return a
}

// isText reports whether a body can be a string in JSON, also on a REST API without
// binaryMediaTypes. Files are bytes, even if they happen to be UTF-8.
func isText(res tghook.Response) bool {
	return len(res.Body) == 0 || res.Header.Get("Content-Type") == "application/json" && utf8.Valid(res.Body)
}
