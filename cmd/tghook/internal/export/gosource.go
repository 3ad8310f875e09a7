package export

import (
	"go/format"
	"strconv"
)

// tidyGo formats Go source.
func tidyGo(source []byte) ([]byte, error) { return format.Source(source) }

// rawGo writes a string literal with backquotes if it can.
func rawGo(text string) string {
	if strconv.CanBackquote(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}
