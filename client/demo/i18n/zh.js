/** @import { Words } from './en.js' */

/** @type {Words} */
export const zh = {
  // Before the room
  tagline: '欢迎进来',
  lead: '选个房间，把链接发给朋友，就能开聊。画面和声音在浏览器之间直接传送。',
  yourName: '你的名字',
  yourNameHint: '别人看到的名字',
  room: '房间',
  join: '加入',
  joining: '正在加入…',
  yourPicture: '你的画面',
  you: '你',
  guest: '访客',

  // Devices
  microphone: '麦克风',
  camera: '摄像头',
  speaker: '扬声器',
  microphoneOff: '麦克风已关闭',
  turnMicrophone: (on) => (on ? '打开麦克风' : '关闭麦克风'),
  turnCamera: (on) => (on ? '打开摄像头' : '关闭摄像头'),
  usualDevice: '跟随系统',
  noDevice: '未找到设备',
  unnamedDevice: (number) => `设备 ${number}`,
  level: '你的音量',
  deviceGone: (gone, now) => `${gone} 已断开，现在使用 ${now}。`,
  cameraGone: '摄像头已断开，别人暂时看不到你。',
  microphoneGone: '麦克风已断开，别人暂时听不到你。',
  speakerGone: '扬声器已断开，声音改由系统默认设备播放。',

  // In the room
  people: (count) => (count === 1 ? '只有你一人' : `${count} 人`),
  notConnected: '未连接',
  alone: '这里暂时只有你一个人。把链接发给朋友吧。',
  yourself: (name) => `${name}（你）`,
  leave: '离开',
  more: '更多',
  controls: '控制栏',
  everybody: '房间里的人',
  pin: (name) => `放大${spaced(name)}`,
  unpin: (name) => `取消放大${spaced(name)}`,
  close: '关闭',

  // How a connection does
  connecting: '正在连接…',
  weak: '网络不稳定…',
  noWay: '网络无法连通',
  reconnecting: '正在重新连接…',
  serverGone: '与服务器的连接已断开。',
  callGoesOn: '与服务器的连接已断开，通话不受影响。',
  tryingIn: (seconds) => `${seconds} 秒后重试…`,
  tryingNow: '正在重试…',
  connectedAgain: '已重新连接。',

  // Screen
  shareScreen: '共享屏幕',
  stopSharing: '停止共享',
  screenOf: (name) => `${name} 的屏幕`,
  yourScreen: '你的屏幕',
  sharesScreen: (name) => `${name} 正在共享屏幕`,
  youShareScreen: '大家现在能看到你的屏幕。',
  screenEnded: '屏幕共享已结束。',

  // Chat
  chat: '聊天',
  closeChat: '关闭聊天',
  messages: '聊天记录',
  message: '消息',
  messageHint: '发给所有人',
  send: '发送',
  chatEmpty: '消息直接发给房间里的人，你离开后就会消失。',
  notSent: '这条消息没能发出去。',
  joined: (name) => `${name} 加入了`,
  left: (name) => `${name} 离开了`,
  lost: (name) => `${name} 掉线了`,
  messageFrom: (name) => `${name} 发来一条消息`,
  unread: (count) => `${count} 条未读`,

  // Files
  shareFile: '分享文件',
  dropHere: '松开鼠标，分享给所有人',
  nobodyToShareWith: '房间里还没有其他人能接收文件。',
  offers: (name) => `${name} 想发给你这个文件。`,
  offersFile: (name, file) => `${name} 想发给你 ${file}`,
  accept: '接收',
  refuse: '拒绝',
  cancel: '取消',
  download: '下载',
  waitingFor: (names) => `等待 ${names} 接收`,
  someOf: (done, all) => `${done} / ${all}`,
  hasIt: (names) => `${names} 已收到`,
  refused: (names) => `${names} 没有接收`,
  goneBefore: (names) => `${names} 在传完之前离开了`,
  cannotTake: (names) => `${names} 无法接收文件`,
  notThere: (names) => `没能传给 ${names}`,
  youCancelled: '你已取消。',
  youRefused: '你已拒绝。',
  theyCancelled: (name) => `${name} 取消了发送。`,
  senderLeft: (name) => `${name} 在传完之前离开了。`,
  notReceived: '接收失败。',
  received: '已接收，离开房间前都可以下载。',
  pictureOf: (file) => `${file} 的预览`,

  // Inviting
  copyLink: '复制链接',
  copied: '已复制',
  copy: '复制',
  invite: '邀请',
  qrCode: '二维码',
  qrHint: '用手机扫码，或者把链接发给朋友。拿到链接的人都可以进来。',
  qrLabel: '链接的二维码',
  link: '链接',
  copyByHand: '请复制这个链接：',

  // Statistics
  statistics: '统计信息',
  route: '线路',
  roundTrip: '往返延迟',
  loss: '丢包',
  incoming: '接收',
  outgoing: '发送',
  picture: '画面',
  routes: { host: '直连', srflx: '直连（经 NAT）', prflx: '直连（经 NAT）', relay: '中继（TURN）' },

  // Settings and help
  settings: '设置',
  language: '语言',
  shortcuts: '键盘快捷键',
  shortcutsHint: '输入文字时不会触发。',

  // Failures, and what to do about them
  tryAgain: '重试',
  lookAgain: '重新查找',
  joinAgain: '重新加入',
  openSecurely: '用安全连接打开',
  suggestAnother: '换一个名称',
  mediaDenied: '浏览器没有允许使用摄像头和麦克风。请在地址栏旁允许，或者直接加入。',
  mediaNotFound: '没有找到摄像头或麦克风。你仍然可以加入，看到和听到大家。',
  mediaInUse: '摄像头或麦克风正被其他程序占用。请关闭该程序，或者直接加入。',
  mediaInsecure: '只有安全的（https）页面才能使用摄像头和麦克风。你仍然可以加入，看到和听到大家。',
  mediaOther: '浏览器无法启动摄像头或麦克风。你仍然可以加入，看到和听到大家。',
  screenDenied: '屏幕没有共享：浏览器或系统没有允许。',
  screenOther: '这个浏览器无法共享屏幕。',
  roomFull: '房间已满。请等有人离开，或者换一个房间。',
  badRoom: '房间不能用这个名称。',
  unsupported: '这个浏览器不支持视频通话，请换一个浏览器打开。',
  unauthorized: '这里只有受邀的人才能进入：服务器需要令牌，而本页面没有有效的令牌。',
  forbidden: '服务器不允许你进入这个房间，请换一个房间。',
  unreachable: '无法连接服务器。请检查网络后重试。',
  replaced: '你已通过另一个连接进入了这个房间。',
  kicked: '你已被移出这个房间。',
  roomClosed: '这个房间已关闭。',
  invitationEnded: '你的邀请已到期。',
  roomLost: '与房间的连接已断开。',
};

/**
 * Latin letters stand apart from Chinese ones.
 *
 * @param {string} name
 */
function spaced(name) {
  return /^[\x21-\x7e]/.test(name) ? ` ${name}` : name;
}
