package admin

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/tidwall/sjson"
)

// openAPI describes the API. A test checks that it has all routes and no other, and that all
// requests and answers are as it says.
//
//go:embed openapi.json
var openAPI []byte

// describe returns openapi.json with the version of tghook.
func describe(version string) ([]byte, error) {
	spec, err := sjson.SetBytes(openAPI, "info.version", version)
	if err != nil {
		return nil, fmt.Errorf("openapi.json: %w", err)
	}
	return spec, nil
}

func (a *api) showSpec(context.Context, *http.Request) (int, any, error) {
	return http.StatusOK, json.RawMessage(a.spec), nil
}
