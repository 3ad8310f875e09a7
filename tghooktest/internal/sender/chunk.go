package sender

import (
	"bytes"
	"net/http"
	"strings"
)

// maxChunkSize bounds the bytes of the line with a chunk's size.
const maxChunkSize = 8

// chunk is the stage that reads the line with a chunk's size.
func (p *parser) chunk() (bool, *refusal) {
	line, _, found := bytes.Cut(p.rest(), []byte("\r\n"))
	if !found {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	if len(line) > maxChunkSize {
		return false, &refusal{http.StatusBadRequest, "Bad Request: Too long length in chunked " + string(line)}
	}
	if !found {
		return false, nil
	}
	p.from += len(line) + len("\r\n")
	p.left, p.stage = hexadecimal(line), (*parser).chunkContent
	if p.left == 0 {
		p.stage = (*parser).lastChunk
	}
	return true, nil
}

// chunkContent reads a part of a chunk. Two bytes of any value end a chunk.
func (p *parser) chunkContent() (bool, *refusal) {
	on, err := p.take(len("\r\n"))
	if on && p.left == 0 {
		p.from += len("\r\n")
		p.stage = (*parser).chunk
	}
	return on, err
}

// lastChunk ends the body. Telegram knows no trailers: the bytes after the last chunk are
// the next answer.
func (p *parser) lastChunk() (bool, *refusal) {
	if len(p.rest()) < len("\r\n") {
		return false, nil
	}
	p.from += len("\r\n")
	p.stage = (*parser).end
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
