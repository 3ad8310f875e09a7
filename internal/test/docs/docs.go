// Package docs compares the documentation with the code that it shows. Only tests import it.
package docs

import (
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Blocks returns the Go blocks of a text in Markdown.
func Blocks(text string) (blocks []string) {
	for _, block := range strings.Split(text, "```go\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		blocks = append(blocks, block)
	}
	return blocks
}

// Built checks that a page in Markdown shows Go code, and only code of the files that
// match the patterns of [filepath.Glob]. It returns how many blocks the page has.
func Built(tb testing.TB, page string, patterns ...string) int {
	tb.Helper()
	var source strings.Builder
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		require.NoError(tb, err)
		require.NotEmpty(tb, files, pattern)
		for _, file := range files {
			source.WriteString(read(tb, file))
		}
	}
	blocks := Blocks(read(tb, page))
	for _, block := range blocks {
		if !strings.Contains(source.String(), block) {
			tb.Errorf("%s shows code that is not built:\n%s", page, block)
		}
	}
	assert.NotEmpty(tb, blocks, page)
	return len(blocks)
}

// Programs checks that the functions of the programs in doc.go are the rest of program_test.go,
// from the first of the mains on. The mains are the names that the functions main have there.
func Programs(tb testing.TB, mains ...string) {
	tb.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	require.NoError(tb, err)
	var programs []string
	for _, block := range new(comment.Parser).Parse(file.Doc.Text()).Content {
		if code, ok := block.(*comment.Code); ok && strings.HasPrefix(code.Text, "package main\n") {
			_, functions, _ := strings.Cut(code.Text, "\nfunc main()")
			programs = append(programs, functions)
		}
	}
	require.Len(tb, programs, len(mains), "programs in doc.go")
	var want strings.Builder
	for i, name := range mains {
		want.WriteString("\nfunc " + name + "()" + programs[i])
	}
	_, rest, _ := strings.Cut(read(tb, "program_test.go"), "\nfunc "+mains[0]+"()")
	assert.Equal(tb, want.String(), "\nfunc "+mains[0]+"()"+rest)
}

func read(tb testing.TB, file string) string {
	tb.Helper()
	text, err := os.ReadFile(file)
	require.NoError(tb, err)
	return string(text)
}
