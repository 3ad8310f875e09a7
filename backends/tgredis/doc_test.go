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

// functions returns the lines of main and hello in a text whose lines begin with margin.
func functions(text []byte, margin string) (lines []string) {
	inside := false
	for line := range strings.Lines(string(text)) {
		line, ok := strings.CutPrefix(line, margin)
		if !ok {
			continue
		}
		if strings.HasPrefix(line, "func main") || strings.HasPrefix(line, "func hello") {
			inside = true
		}
		if inside {
			lines = append(lines, line)
		}
		if line == "}\n" {
			inside = false
		}
	}
	return lines
}
