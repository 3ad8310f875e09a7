// The difference between two texts, line by line.

const most = 1500; // lines of each side that are compared

/**
 * Compares two lists of lines. Returns [{left, right, same}], a line of a table each; left or right is
 * null where a side has no such line.
 */
export function diffLines(left, right) {
  left = left.slice(0, most);
  right = right.slice(0, most);
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start++;
  let a = left.length, b = right.length;
  while (a > start && b > start && left[a - 1] === right[b - 1]) { a--; b--; }
  const same = (i, j) => ({left: left[i], right: right[j], same: true});
  const lines = [];
  for (let i = 0; i < start; i++) lines.push(same(i, i));
  lines.push(...middle(left.slice(start, a), right.slice(start, b)));
  for (let i = a, j = b; i < left.length; i++, j++) lines.push(same(i, j));
  return lines;
}

// The longest common lines of what differs; other lines stand side by side.
function middle(left, right) {
  const width = right.length + 1, longest = new Uint16Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      longest[i * width + j] = left[i] === right[j]
        ? longest[(i + 1) * width + j + 1] + 1
        : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const lines = [];
  let removed = [], added = [];
  const flush = () => {
    for (let i = 0; i < Math.max(removed.length, added.length); i++) lines.push({left: removed[i] ?? null, right: added[i] ?? null, same: false});
    removed = [];
    added = [];
  };
  let i = 0, j = 0;
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      flush();
      lines.push({left: left[i++], right: right[j++], same: true});
    } else if (j >= right.length || i < left.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1]) removed.push(left[i++]);
    else added.push(right[j++]);
  }
  flush();
  return lines;
}
