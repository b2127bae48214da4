/** The page: emoji to vote for, and the leaderboard. It asks the JSON routes of the same server. */
export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Emoji vote</title>
<style>
  body { font: 1rem system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
  #emoji { display: grid; grid-template-columns: repeat(auto-fill, minmax(4rem, 1fr)); gap: .5rem; }
  button { font-size: 2rem; padding: .5rem; cursor: pointer; }
  #said { min-height: 1.5rem; }
</style>
<h1>Which is the best emoji?</h1>
<div id="emoji"></div>
<p id="said" role="status"></p>
<h2>Leaderboard</h2>
<ol id="board"></ol>
<script type="module">
  const json = async (path, options) => {
    const response = await fetch(path, options);
    const body = await response.json();
    if (!response.ok) throw new Error(body.error);
    return body;
  };
  const said = document.querySelector('#said');
  const refresh = async () => {
    const board = await json('/api/leaderboard');
    document.querySelector('#board').replaceChildren(...board.map(({ unicode, votes }) => {
      const item = document.createElement('li');
      item.textContent = unicode + ' ' + votes;
      return item;
    }));
  };
  const vote = async ({ shortcode, unicode }) => {
    try {
      await json('/api/vote?choice=' + encodeURIComponent(shortcode), { method: 'POST' });
      said.textContent = 'Your vote for ' + unicode + ' counts.';
      await refresh();
    } catch (error) {
      said.textContent = 'Your vote for ' + unicode + ' does not count: ' + error.message;
    }
  };
  for (const emoji of await json('/api/list')) {
    const button = document.createElement('button');
    button.textContent = emoji.unicode;
    button.title = emoji.shortcode;
    button.onclick = () => vote(emoji);
    document.querySelector('#emoji').append(button);
  }
  await refresh();
</script>
</html>
`;
