package desk

import (
	_ "embed"
	"net/http"
)

// openAPI describes the control API. A test checks that it has all routes and no other, and
// that all answers are as it says.
//
//go:embed openapi.json
var openAPI []byte

// description is the answer to GET /api/openapi.json.
type description struct{}

func (description) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(openAPI) // a client that has gone needs no answer
}

func (d *Desk) openapi(*http.Request) (any, error) { return description{}, nil }
