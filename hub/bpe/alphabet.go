package bpe

// printable says whether byte-level tokenizers write a byte as itself; every
// other byte is written as the character 256+n, n counting such bytes upward.
func printable(b byte) bool {
	return '!' <= b && b <= '~' || 0xa1 <= b && b <= 0xac || b >= 0xae
}

// The byte alphabet: the character of each byte, and the other way round.
var (
	byteToRune = func() (t [256]rune) {
		next := rune(256)
		for b := range 256 {
			if printable(byte(b)) {
				t[b] = rune(b)
			} else {
				t[b] = next
				next++
			}
		}
		return t
	}()
	runeToByte = func() map[rune]byte {
		m := map[rune]byte{}
		for b, r := range byteToRune {
			m[r] = byte(b)
		}
		return m
	}()
	// byteIDs numbers the bytes in the order of their characters.
	byteIDs = func() (t [256]int32) {
		n := int32(0)
		for _, wantPrintable := range []bool{true, false} {
			for b := range 256 {
				if printable(byte(b)) == wantPrintable {
					t[b] = n
					n++
				}
			}
		}
		return t
	}()
)

// display writes bytes in the byte alphabet.
func display(b []byte) string {
	out := make([]rune, len(b))
	for i, c := range b {
		out[i] = byteToRune[c]
	}
	return string(out)
}

// parseDisplay is the inverse of display; ok is false if a character is not of
// the alphabet.
func parseDisplay(s string) (b []byte, ok bool) {
	for _, r := range s {
		c, found := runeToByte[r]
		if !found {
			return nil, false
		}
		b = append(b, c)
	}
	return b, true
}
