package sender

import (
	"bytes"
	"net/http"
	"strings"
)

// maxChunkSize bounds the bytes of the line with a chunk's size.
const maxChunkSize = 10

// chunk is the stage that reads the line with a chunk's size.
func (p *parser) chunk() (bool, *refusal) {
	line, _, found := bytes.Cut(p.rest(), []byte("\r\n"))
	if len(bytes.TrimSuffix(line, []byte("\r"))) > maxChunkSize {
		return false, &refusal{http.StatusBadRequest, "Bad Request: Too long length in chunked " + string(line)}
	}
	if !found {
		return false, nil
	}
	p.from += len(line) + len("\r\n")
	p.left, p.stage = hexadecimal(line), (*parser).chunkContent
	if p.left == 0 {
		p.stage = (*parser).trailer
	}
	return true, nil
}

func (p *parser) chunkContent() (bool, *refusal) {
	if !p.take() || len(p.rest()) < len("\r\n") {
		return false, nil
	}
	p.from += len("\r\n")
	p.stage = (*parser).chunk
	return true, nil
}

// trailer skips lines until an empty one.
func (p *parser) trailer() (bool, *refusal) {
	line, _, found := bytes.Cut(p.rest(), []byte("\r\n"))
	if !found {
		return false, nil
	}
	p.from += len(line) + len("\r\n")
	if len(line) == 0 {
		p.stage = nil
	}
	return true, nil
}

// hexadecimal returns the number at the beginning of b; 0 if there is none.
func hexadecimal(b []byte) (n int64) {
	for _, c := range bytes.ToLower(b) {
		digit := strings.IndexByte("0123456789abcdef", c)
		if digit < 0 {
			break
		}
		n = n<<4 | int64(digit)
	}
	return n
}
