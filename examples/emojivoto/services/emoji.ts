/** Knows the emoji. */
import { create } from '@bufbuild/protobuf';
import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import {
  type Emoji,
  EmojiSchema,
  EmojiService,
  type FindByShortcodeRequest,
  type FindByShortcodeResponse,
  FindByShortcodeResponseSchema,
  type ListAllEmojiRequest,
  type ListAllEmojiResponse,
  ListAllEmojiResponseSchema,
} from '../gen/emojivoto/v1/emoji_pb.js';
import { serveGrpc } from './grpc-server.ts';

const shortcodes: Readonly<Record<string, string>> = {
  ':joy:': '😂',
  ':sunglasses:': '😎',
  ':doughnut:': '🍩',
  ':stuck_out_tongue_winking_eye:': '😜',
  ':money_mouth_face:': '🤑',
  ':flushed:': '😳',
  ':mask:': '😷',
  ':nerd_face:': '🤓',
  ':ghost:': '👻',
  ':skull_and_crossbones:': '☠️',
  ':robot:': '🤖',
  ':jack_o_lantern:': '🎃',
  ':poop:': '💩',
  ':cat2:': '🐈',
  ':rainbow:': '🌈',
  ':rocket:': '🚀',
};

const emoji: readonly Emoji[] = Object.entries(shortcodes).map(([shortcode, unicode]) =>
  create(EmojiSchema, { shortcode, unicode }),
);

serveGrpc(EmojiService, {
  listAll(
    _call: ServerUnaryCall<ListAllEmojiRequest, ListAllEmojiResponse>,
    respond: sendUnaryData<ListAllEmojiResponse>,
  ) {
    respond(null, create(ListAllEmojiResponseSchema, { list: [...emoji] }));
  },
  findByShortcode(
    { request }: ServerUnaryCall<FindByShortcodeRequest, FindByShortcodeResponse>,
    respond: sendUnaryData<FindByShortcodeResponse>,
  ) {
    const found = emoji.find(({ shortcode }) => shortcode === request.shortcode);
    if (found === undefined) {
      respond({ code: status.NOT_FOUND, details: `no emoji has the shortcode ${JSON.stringify(request.shortcode)}` });
    } else {
      respond(null, create(FindByShortcodeResponseSchema, { emoji: found }));
    }
  },
});
