package botapi

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
)

// decoded undoes a Content-Encoding. Like zlib, it recognises gzip and deflate by the first
// byte of the content and not by the header.
func decoded(r io.Reader, encoding string) (io.Reader, error) {
	if encoding == "" {
		return r, nil
	}
	buffered := bufio.NewReader(r)
	if first, _ := buffered.Peek(1); string(first) != "\x1f" {
		z, err := zlib.NewReader(buffered)
		return inflater{z}, inflateError(err)
	}
	z, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, inflateError(err)
	}
	z.Multistream(false)
	return inflater{z}, nil
}

// inflater reports errors as zlib does.
type inflater struct{ io.Reader }

func (f inflater) Read(b []byte) (int, error) {
	n, err := f.Reader.Read(b)
	return n, inflateError(err)
}

func inflateError(err error) error {
	switch {
	case err == nil, err == io.EOF: //nolint:errorlint // a Reader returns io.EOF unwrapped
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return unparsable("zlib error -5") // Z_BUF_ERROR
	}
	return unparsable("zlib error -3") // Z_DATA_ERROR
}
