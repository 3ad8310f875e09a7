package desk_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenAPIHasEachRouteAndNoOther(t *testing.T) {
	r := start(t)
	require.NoError(t, r.spec.Validate(t.Context()))
	routes := r.desk.Routes()
	for path, methods := range routes {
		item := r.spec.Paths.Value(path)
		require.NotNil(t, item, "openapi.json has no %s", path)
		for _, method := range methods {
			require.NotNil(t, item.GetOperation(method), "openapi.json has no %s %s", method, path)
		}
	}
	for path, item := range r.spec.Paths.Map() {
		for method, op := range item.Operations() {
			require.True(t, slices.Contains(routes[path], method), "there is no route %s %s", method, path)
			for part := range strings.SplitSeq(path, "/") {
				if name, ok := strings.CutPrefix(part, "{"); ok {
					require.NotNil(t, op.Parameters.GetByInAndName("path", strings.TrimSuffix(name, "}")), "%s %s", method, path)
				}
			}
		}
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	r := start(t)
	status, text := r.request(http.MethodGet, "/api/openapi.json", nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(text.([]byte)), `"openapi": "3.1.0"`)
}
