package tgredis_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// permissions returns the commands that the package documentation lists for a user of Redis.
func permissions(t *testing.T) []string {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^//\t~tghook:\* (\+.*)$`).FindSubmatch(doc)
	require.NotNil(t, line)
	return strings.Fields(string(line[1]))
}
